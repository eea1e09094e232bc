#!lua flags=allow-oom
--[[ Advances the clock of a shard and takes down sessions that are due, after decideExpire in domain/decisions.ts.
Allowed when Redis is out of memory: it frees some.
KEYS[1] meta           hash
KEYS[2] deadlines      zset     due: score <= the shard clock, never a caller's
KEYS[3] log            stream
KEYS[4] live           channel  hears of the log's new entries
ARGV[1] limit          integer  due members per call; 0: the clock only
ARGV[2] clockCapMs     integer  most that one tick advances the clock
ARGV[3] reckonedMs     integer  where a shard clock that is not there starts: what the caller last knew of it
ARGV[4] ttlMs          integer
ARGV[5] memoryMs       integer  of tombstones
ARGV[6] maxTombstones  integer  of a device
ARGV[7] retentionMs    integer  of an offline user's record
ARGV[8] logMaxEntries  integer
ARGV[9] recordPrefix   prefix   of the records of this shard, whose hash tag it shares
Returns array          clock in ms; due members dealt with (equal to limit: call again); how long the first was
                       overdue in ms; the log's last version and its length; deadlines left; users online ]]

local meta, deadlines, log, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, clock_cap_ms, reckoned_ms, ttl_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local memory_ms, max_tombstones, retention_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local log_max_entries, record_prefix = ARGV[8], ARGV[9]

-- #include moment
clock_ms = clock_ms or reckoned_ms
redis.call('HSET', meta, 'clock', string.format('%d', clock_ms), 'ticked', string.format('%d', now_ms))
-- #include record
-- #include log
-- #include deadlines
-- #include unseat

--- Takes down what fell due under this member; one that the record no longer knows is dropped.
local function expire(member, deadline_ms)
  local separator = string.find(member, '\0', 1, true)
  local user_id, rest = string.sub(member, 1, separator - 1), string.sub(member, separator + 1)
  local record = record_prefix .. user_id
  local header, devices = read_record(record)
  if string.sub(rest, 1, 1) == '\0' then
    local device_id = string.sub(rest, 2)
    local current, tombstones = decode_device(devices[device_id])
    if current and current.mark == GRACE then
      return unseat(record, user_id, device_id, header, devices, current, tombstones, ENDED, CONNECTION_LOST, 0)
    end
  else
    local device_id = find_live(devices, rest)
    if device_id then
      local current, tombstones = decode_device(devices[device_id])
      local heartbeat_ms = now_ms - math.max(0, clock_ms - (deadline_ms - ttl_ms))
      return unseat(record, user_id, device_id, header, devices, current, tombstones, EXPIRED, TIMED_OUT, heartbeat_ms)
    end
  end
  redis.call('ZREM', deadlines, member)
end

local due = {}
if limit > 0 then due = redis.call('ZRANGEBYSCORE', deadlines, '-inf', clock_ms, 'WITHSCORES', 'LIMIT', 0, limit) end
for index = 1, #due, 2 do expire(due[index], due[index + 1]) end

local last_version, length = read_log_state()
return {
  clock_ms,
  #due / 2,
  due[2] and clock_ms - due[2] or 0,
  last_version,
  length,
  redis.call('ZCARD', deadlines),
  tonumber(redis.call('HGET', meta, 'online') or 0),
}
