#!lua flags=allow-oom
--[[ Moves cursors forward, never backwards, and trims what all of them have passed and is older than a minute. Of a log
that is fuller than a quarter, all that they have passed, until it is not. Allowed when Redis is out of memory: it frees
some.
KEYS[1] meta       hash
KEYS[2] log        stream
ARGV[1] fence      integer  of the lease that the caller believes to hold
ARGV[2] keepMs     integer  entries younger than this stay for watchers
ARGV[3] cursors    text     name TAB version, one a line; at least one
Returns integer    0 when the fencing number is no longer the shard's: stop publishing ]]

local meta, log = KEYS[1], KEYS[2]
local names, versions = { 'fence' }, {}
for name, text in string.gmatch(ARGV[3], '([^\t]+)\t(%d+)\n?') do
  names[#names + 1] = 'cursor:' .. name
  versions[#versions + 1] = text
end
local found = redis.call('HMGET', meta, unpack(names))
if found[1] ~= ARGV[1] then return 0 end

local passed = math.huge
for index, text in ipairs(versions) do
  local version, before = tonumber(text), tonumber(found[index + 1] or 0)
  if version > before then redis.call('HSET', meta, names[index + 1], text) end
  passed = math.min(passed, math.max(version, before))
end
local time = redis.call('TIME')
-- Versions lead the clock after a begin, and for as long as the clock of another server is behind.
local kept_from = math.max(time[1] * 1000000 + time[2], passed) - ARGV[2] * 1000

--- Drops entries below a version, in whole nodes of the stream. The entry with that very id stays: a reader finds its
-- position as long as its entry is there.
local function trim(below, ...)
  local ms = math.floor(below / 1000)
  return redis.call('XTRIM', log, 'MINID', '~', string.format('%d-%d', ms, below - ms * 1000), ...)
end
trim(math.min(passed, kept_from))
-- By their number: versions do not tell how old entries are while the clock is behind.
local excess = redis.call('XLEN', log) - math.floor(RULES.log_max_entries / 4)
if excess > 0 then trim(passed, 'LIMIT', excess) end
return 1
