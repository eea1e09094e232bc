#!lua flags=allow-oom
--[[ Drops deadlines whose session its user's record does not know: heartbeats would keep them for ever and be told that
all is well, while reads say offline. The next heartbeat then finds the session missing. Of a record that cannot be read
nothing is known; its deadlines stay. Allowed when Redis is out of memory: it frees some.
KEYS[1] deadlines       zset
ARGV[1] recordPrefix    prefix   of the records of this shard, whose hash tag it shares
ARGV[2...] members      text     of the deadlines
Returns array           the members dropped ]]

local deadlines, record_prefix = KEYS[1], ARGV[1]
local dropped = {}
for index = 2, #ARGV do
  local member = ARGV[index]
  local user_id, session_id = string.match(member, '^(%Z+)%z(.+)$')
  local is_known = false
  if user_id then
    local text = redis.pcall('GET', record_prefix .. user_id)
    if type(text) == 'table' or text and not string.find(text, '^-?%d+ ?%d*%f[\n%z]') then
      is_known = true
    elseif text then
      local line = '\t' .. session_id .. '\31'
      if string.byte(session_id) == 0 then line = '\n' .. string.sub(session_id, 2) .. '\tg' end
      is_known = string.find(text, line, 1, true)
    end
  end
  if not is_known and redis.call('ZREM', deadlines, member) == 1 then dropped[#dropped + 1] = member end
end
return dropped
