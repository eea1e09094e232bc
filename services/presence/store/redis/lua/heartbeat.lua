#!lua flags=allow-oom
--[[ Answers a heartbeat that found no deadline under its session_id, or came without one, after decideHeartbeat and
decideRevive in domain/decisions.ts; the usual heartbeat never comes here (see refresh-queue.ts).
KEYS[1] record         string   of the user
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

local record, deadlines, log, meta, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user_id, device_id, session_id = ARGV[1], ARGV[2], ARGV[3]
local ttl_ms, clock_cap_ms, memory_ms = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local max_tombstones, log_max_entries = tonumber(ARGV[7]), ARGV[8]

-- #include moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include record
-- #include rank
-- #include log
-- #include deadlines
local header, devices = read_record(record)
local current, tombstones = decode_device(devices[device_id])
-- #include seat

local is_live = current and current.mark == LIVE
local is_mine
if session_id ~= '' then
  is_mine = is_live and current.id == session_id
  if not is_mine then
    local order, connection = string.match(session_id, '^(%d+)%.?(.*)$')
    return { is_outranked(current, tombstones, tonumber(order), connection) and 'superseded' or 'missing' }
  end
elseif is_live then
  is_mine = current.connection == ''
  if not is_mine then return { 'superseded' } end
end

if is_mine then
  -- GT: a heartbeat that overtook this one keeps its later deadline.
  local deadline_ms = string.format('%d', clock_ms + ttl_ms)
  redis.call('ZADD', deadlines, 'GT', deadline_ms, session_member(user_id, current.id))
  return { 'refreshed', current.id }
end

-- Its caller is alive and will never register again by itself: he ignores the answers to his heartbeats.
local last = tombstones[1]
if current or not last or last.mark ~= EXPIRED or last.connection ~= '' then return { 'missing' } end
seat(last.id, last.instance, clock_ms + memory_ms)
return { 'refreshed', last.id }
