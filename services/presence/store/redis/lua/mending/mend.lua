#!lua
--[[ Gives a deadline to each session of these users that has none, or one beyond all times to live: it would never end.
KEYS[1] deadlines     zset
KEYS[2] meta          hash
ARGV[1] recordPrefix  prefix   of the records of this shard, whose hash tag it shares
ARGV[2...] users      text     ids
Returns integer       sessions that got one ]]

local deadlines, meta, record_prefix = KEYS[1], KEYS[2], ARGV[1]

-- #include tick/moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include digits

-- No time to live is set higher, and nodes may differ in theirs while a release is under way.
local FAR_MS = 86400000
-- Captures device_id, mark, session_id and lease_id of a current session.
local SESSION = '\n([^\t\n]+)\t(g?)(%d[^\31\t\n]*)\31[^\31\t\n]*\31?%d*\31?([^\31\t\n]*)'
-- All keys of the shard have its hash tag.
local shard_prefix = string.sub(deadlines, 1, -10)
local mended, leased_change = 0, 0
for index = 2, #ARGV do
  local user_id = ARGV[index]
  -- What is no string is no record: false, or an error.
  local text = redis.pcall('GET', record_prefix .. user_id)
  -- A tick looks what there is to end.
  if type(text) == 'string' and string.find(text, '^-?%d+ ?%d*\30[^\n]') then
    redis.call('ZADD', shard_prefix .. 'claims', 'NX', digits_of(now_ms), user_id)
  end
  if type(text) == 'string' and string.byte(text) ~= 45 then
    for device_id, grace, session_id, lease_id in string.gmatch(text, SESSION) do
      local member = user_id .. '\0' .. (grace == 'g' and '\0' .. device_id or session_id)
      local its_deadlines = lease_id == '' and deadlines or shard_prefix .. 'lease:' .. lease_id
      local deadline_ms = redis.call('ZSCORE', its_deadlines, member)
      if not deadline_ms or tonumber(deadline_ms) > clock_ms + FAR_MS then
        local left_ms = grace == 'g' and RULES.grace_ms or lease_id == '' and RULES.ttl_ms or RULES.leased_ttl_ms
        local added = redis.call('ZADD', its_deadlines, digits_of(clock_ms + left_ms), member)
        mended = mended + 1
        if lease_id ~= '' then
          leased_change = leased_change + added
          -- A tick looks whether there is such a lease.
          redis.call('ZADD', shard_prefix .. 'leases', 'NX', digits_of(clock_ms), lease_id)
        end
      end
    end
  end
end
if leased_change ~= 0 then redis.pcall('HINCRBY', meta, 'leased', leased_change) end
return mended
