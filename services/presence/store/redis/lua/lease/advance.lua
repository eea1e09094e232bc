#!lua flags=allow-oom
--[[ Moves cursors forward, never backwards, and trims what all of them have passed and is older than a minute. Allowed
when Redis is out of memory: it frees some.
KEYS[1] meta       hash
KEYS[2] log        stream
ARGV[1] fence      integer  of the lease that the caller believes to hold
ARGV[2] keepMs     integer  entries younger than this stay for watchers
ARGV[3] cursors    text     name TAB version, one a line
Returns integer    0 when the fencing number is no longer the shard's: stop publishing ]]

local meta, log = KEYS[1], KEYS[2]
if redis.call('HGET', meta, 'fence') ~= ARGV[1] then return 0 end

local time = redis.call('TIME')
local passed = time[1] * 1000000 + time[2] - ARGV[2] * 1000
for name, text in string.gmatch(ARGV[3], '([^\t]+)\t(%d+)\n?') do
  local field, version = 'cursor:' .. name, tonumber(text)
  local before = tonumber(redis.call('HGET', meta, field) or 0)
  if version > before then redis.call('HSET', meta, field, text) end
  passed = math.min(passed, math.max(version, before))
end
-- MINID keeps the entry with that very id: a reader finds its position as long as its entry is there.
local passed_ms = math.floor(passed / 1000)
redis.call('XTRIM', log, 'MINID', '~', string.format('%d-%d', passed_ms, passed - passed_ms * 1000))
return 1
