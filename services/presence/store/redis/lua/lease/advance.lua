#!lua flags=allow-oom
--[[ Moves cursors forward, never backwards, and trims what all of them have passed and is older than a minute. Of a log
that is fuller than a quarter, all that they have passed, until it is not. Allowed when Redis is out of memory: it frees
some.
KEYS[1] meta       hash
KEYS[2] log        stream
ARGV[1] fence      integer  of the lease that the caller believes to hold
ARGV[2] keepMs     integer  entries younger than this stay for watchers
ARGV[3] cursors    text     name TAB version, one a line
Returns integer    0 when the fencing number is no longer the shard's: stop publishing ]]

local meta, log = KEYS[1], KEYS[2]
if redis.call('HGET', meta, 'fence') ~= ARGV[1] then return 0 end

local passed
for name, text in string.gmatch(ARGV[3], '([^\t]+)\t(%d+)\n?') do
  local field, version = 'cursor:' .. name, tonumber(text)
  local before = tonumber(redis.call('HGET', meta, field) or 0)
  if version > before then redis.call('HSET', meta, field, text) end
  passed = math.min(passed or math.huge, math.max(version, before))
end
-- #include log/state
local time = redis.call('TIME')
-- Versions lead the clock after a begin, and for as long as the clock of another server is behind.
local kept_from = math.max(time[1] * 1000000 + time[2], last_version) - ARGV[2] * 1000
-- Without publishers, all are passed.
passed = passed or last_version

--- Drops entries below a version, in whole nodes of the stream. The entry with that very id stays: a reader finds its
-- position as long as its entry is there.
local function trim(below, ...)
  local ms = math.floor(below / 1000)
  return redis.call('XTRIM', log, 'MINID', '~', string.format('%d-%d', ms, below - ms * 1000), ...)
end
local length = log_length - trim(math.min(passed, kept_from))
-- By their number: versions do not tell how old entries are while the clock is behind.
local excess = length - math.floor(RULES.log_max_entries / 4)
if excess > 0 then trim(passed, 'LIMIT', excess) end
return 1
