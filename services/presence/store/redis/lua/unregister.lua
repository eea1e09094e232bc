#!lua flags=allow-oom
--[[ Ends a session or leaves it in grace, after decideUnregister in domain/decisions.ts. Allowed when Redis is out of
memory: it frees some.
KEYS[1] record         hash     of the user
KEYS[2] deadlines      zset
KEYS[3] log            stream
KEYS[4] meta           hash
KEYS[5] live           channel  hears of the log's new entries
ARGV[1] user           id
ARGV[2] device         id
ARGV[3] session        id       empty: a caller without tokens
ARGV[4] reason         name     DisconnectReason
ARGV[5] graceMs        integer  0: none
ARGV[6] clockCapMs     integer  most that the shard clock runs on after a tick
ARGV[7] memoryMs       integer  of tombstones
ARGV[8] maxTombstones  integer  of a device
ARGV[9] retentionMs    integer  of an offline user's record
ARGV[10] logMaxEntries integer
Returns string         "ended", "grace", "absent", "fenced" or "contested" ]]

-- #include moment
-- #include record
-- #include log
-- #include deadlines
-- #include unseat

local shard = { deadlines = KEYS[2], log = KEYS[3], meta = KEYS[4], live = KEYS[5], log_max = ARGV[10] }
local rules = { memory_ms = tonumber(ARGV[7]), max_tombstones = tonumber(ARGV[8]), retention_ms = ARGV[9] }
local user_id, device_id, session_id, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local grace_ms = tonumber(ARGV[5])
local record = read_record(KEYS[1])
local device = decode_device(record.devices[device_id])
local current = device.current
if not current then return 'absent' end

local moment = read_running_moment(shard.meta, ARGV[6])
if session_id == '' then
  if current.connection ~= '' then return 'fenced' end
  if current.contested_until_ms > moment.clock_ms then return 'contested' end
elseif session_id ~= current.id then
  return 'fenced'
end

local is_lost = reason == 'CONNECTION_LOST' or reason == 'SERVER_DRAIN'
if is_lost and current.mark == GRACE then return 'absent' end
if current.mark == LIVE then record.last_seen_ms = math.max(record.last_seen_ms, moment.now_ms) end

if is_lost and grace_ms > 0 then
  local until_ms = moment.clock_ms + grace_ms
  local deadline = redis.call('ZSCORE', shard.deadlines, session_member(user_id, current.id))
  if deadline then until_ms = math.min(until_ms, tonumber(deadline)) end
  drop_deadline(shard, record, user_id, device_id, current)
  redis.call('ZADD', shard.deadlines, until_ms, grace_member(user_id, device_id))
  current.mark = GRACE
  redis.call('HSET', record.key, '', encode_header(record), device_id, encode_device(device))
  return 'grace'
end

local cause = is_lost and CONNECTION_LOST or reason == 'LOGGED_OUT' and LOGGED_OUT or DISCONNECTED
unseat(shard, record, user_id, device_id, device, ENDED, cause, moment, rules)
return 'ended'
