#!lua flags=allow-oom
--[[ Says that all who are online were restated. Allowed when Redis is out of memory: it is one entry, and whoever reads
the log waits for it. Repeated, it says so once.
KEYS[1] meta     hash
KEYS[2] log      stream
ARGV[1] begin    integer  of the shard, as the caller knows it
ARGV[2] fence    integer  of the lease that the caller believes to hold
ARGV[3] live     channel  of this shard: hears of the log's new entries
ARGV[4] recordPrefix  prefix  of the records of this shard, whose hash tag it shares
Returns integer  0 when begin or fence are no longer the shard's ]]

local meta, log = KEYS[1], KEYS[2]
local duty_begin, duty_fence, live, record_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- #include restating/duty
if not is_current then return 0 end
-- There is no such key. While the slot migrates, the server refuses to say so: users who went ahead were not restated.
redis.call('EXISTS', record_prefix)
-- #include tick/moment
-- #include digits
-- #include log/appended
if redis.call('HGET', meta, 'restated') ~= duty_begin then
  local transition = '\0complete\0' .. duty_begin
  -- #include log/append
  redis.call('HSET', meta, 'restated', duty_begin)
end
-- #include log/announce
return 1
