#!lua flags=allow-oom
--[[ Drops deadlines whose session its user's record does not know: heartbeats would keep them for ever and be told that
all is well, while reads say offline. The next heartbeat then finds the session missing. Of a record that cannot be read
nothing is known; its deadlines stay. Allowed when Redis is out of memory: it frees some.
KEYS[1] deadlines       zset     of the shard, or of a lease
KEYS[2] meta            hash
ARGV[1] recordPrefix    prefix   of the records of this shard, whose hash tag it shares
ARGV[2] lease           id       that the sessions have to be under; empty: whichever, or none
ARGV[3...] members      text     of the deadlines
Returns array           the members dropped ]]

local deadlines, meta, record_prefix, lease_id = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local dropped = {}
for index = 3, #ARGV do
  local member = ARGV[index]
  local user_id, session_id = string.match(member, '^(%Z+)%z(.+)$')
  -- A lease is known by its member alone.
  local is_known = string.byte(member) == 0
  if user_id then
    local text = redis.pcall('GET', record_prefix .. user_id)
    if type(text) == 'table' or text and not string.find(text, '^-?%d+ ?%d*%f[\n\30%z]') then
      is_known = true
    elseif text then
      local line = '\t' .. session_id .. '\31'
      if string.byte(session_id) == 0 then line = '\n' .. string.sub(session_id, 2) .. '\tg' end
      local _, to = string.find(text, line, 1, true)
      while to and lease_id ~= '' and string.match(text, '^[^\31\t\n]*\31\31([^\31\t\n]*)', to + 1) ~= lease_id do
        _, to = string.find(text, line, to, true)
      end
      is_known = to
    end
  end
  if not is_known and redis.call('ZREM', deadlines, member) == 1 then dropped[#dropped + 1] = member end
end
if lease_id ~= '' and #dropped > 0 then redis.pcall('HINCRBY', meta, 'leased', -#dropped) end
return dropped
