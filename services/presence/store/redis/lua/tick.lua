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

-- #include moment
-- #include record
-- #include log
-- #include deadlines
-- #include unseat

local shard = { meta = KEYS[1], deadlines = KEYS[2], log = KEYS[3], live = KEYS[4], log_max = ARGV[8] }
local rules = { memory_ms = tonumber(ARGV[5]), max_tombstones = tonumber(ARGV[6]), retention_ms = ARGV[7] }
local limit, ttl_ms, record_prefix = tonumber(ARGV[1]), tonumber(ARGV[4]), ARGV[9]
local moment = read_moment(shard.meta, ARGV[2])
moment.clock_ms = moment.clock_ms or tonumber(ARGV[3])
redis.call('HSET', shard.meta, 'clock', moment.clock_ms, 'ticked', moment.now_ms)

local function expire_grace(record, user_id, device_id, member)
  local device = decode_device(record.devices[device_id])
  if not device.current or device.current.mark ~= GRACE then
    redis.call('ZREM', shard.deadlines, member)
    return
  end
  unseat(shard, record, user_id, device_id, device, ENDED, CONNECTION_LOST, moment, rules)
end

local function expire_session(record, user_id, session_id, member, deadline_ms)
  local device_id = find_live(record, session_id)
  if not device_id then
    redis.call('ZREM', shard.deadlines, member)
    return
  end
  local silent_ms = math.max(0, moment.clock_ms - (deadline_ms - ttl_ms))
  record.last_seen_ms = math.max(record.last_seen_ms, moment.now_ms - silent_ms)
  local device = decode_device(record.devices[device_id])
  unseat(shard, record, user_id, device_id, device, EXPIRED, TIMED_OUT, moment, rules)
end

local due = {}
if limit > 0 then
  due = redis.call('ZRANGEBYSCORE', shard.deadlines, '-inf', moment.clock_ms, 'WITHSCORES', 'LIMIT', 0, limit)
end
for index = 1, #due, 2 do
  local member = due[index]
  local separator = string.find(member, '\0', 1, true)
  local user_id, rest = string.sub(member, 1, separator - 1), string.sub(member, separator + 1)
  local record = read_record(record_prefix .. user_id)
  if string.sub(rest, 1, 1) == '\0' then
    expire_grace(record, user_id, string.sub(rest, 2), member)
  else
    expire_session(record, user_id, rest, member, tonumber(due[index + 1]))
  end
end

local last, length = last_version(shard.log)
return {
  moment.clock_ms,
  #due / 2,
  due[2] and moment.clock_ms - tonumber(due[2]) or 0,
  last,
  length,
  redis.call('ZCARD', shard.deadlines),
  tonumber(redis.call('HGET', shard.meta, 'online') or 0),
}
