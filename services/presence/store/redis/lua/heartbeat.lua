#!lua flags=allow-oom
--[[ Answers a heartbeat that found no deadline under its session_id, or came without one, after decideHeartbeat and
decideRevive in domain/decisions.ts; the usual heartbeat never comes here (see refresh-queue.ts).
KEYS[1] record         hash     of the user
KEYS[2] deadlines      zset
KEYS[3] log            stream
KEYS[4] meta           hash
KEYS[5] live           channel  hears of the log's new entries
ARGV[1] user           id
ARGV[2] device         id
ARGV[3] session        id       well-formed; empty: a caller without tokens
ARGV[4] ttlMs          integer
ARGV[5] clockCapMs     integer  most that the shard clock runs on after a tick
ARGV[6] memoryMs       integer  of tombstones and contested sessions
ARGV[7] maxTombstones  integer  of a device
ARGV[8] logMaxEntries  integer
Returns array          kind ("refreshed", "missing", "superseded"), session_id that was refreshed ]]

-- #include moment
-- #include record
-- #include log
-- #include deadlines
-- #include seat

local shard = { deadlines = KEYS[2], log = KEYS[3], meta = KEYS[4], live = KEYS[5], log_max = ARGV[8] }
local rules = { ttl_ms = ARGV[4], memory_ms = tonumber(ARGV[6]), max_tombstones = tonumber(ARGV[7]) }
local user_id, device_id, session_id = ARGV[1], ARGV[2], ARGV[3]
local moment = read_running_moment(shard.meta, ARGV[5])
local record = read_record(KEYS[1])
local device = decode_device(record.devices[device_id])
local current = device.current
local is_live = current and current.mark == LIVE

--- GT: a heartbeat that overtook this one keeps its later deadline.
local function extend()
  redis.call('ZADD', shard.deadlines, 'GT', moment.clock_ms + rules.ttl_ms, session_member(user_id, current.id))
  return { 'refreshed', current.id }
end

if session_id ~= '' then
  if is_live and current.id == session_id then return extend() end
  local order, connection_id = parse_session_id(session_id)
  return { is_outranked(device, order, connection_id) and 'superseded' or 'missing' }
end

if is_live then
  if current.connection ~= '' then return { 'superseded' } end
  return extend()
end

-- Its caller is alive and will never register again by itself: he ignores the answers to his heartbeats.
local last = device.tombstones[1]
if current or not last or last.mark ~= EXPIRED or last.connection ~= '' then return { 'missing' } end
local session = {
  mark = LIVE,
  id = last.id,
  instance = last.instance,
  contested_until_ms = moment.clock_ms + rules.memory_ms,
}
seat(shard, record, user_id, device_id, device, session, {}, moment, rules)
return { 'refreshed', session.id }
