#!lua
--[[ Makes a session its device's current one, after decideRegister in domain/decisions.ts.
KEYS[1] record          string   of the user
KEYS[2] deadlines       zset
KEYS[3] log             stream
KEYS[4] meta            hash
KEYS[5] live            channel  hears of the log's new entries
ARGV[1] user            id
ARGV[2] device          id
ARGV[3] instance        id
ARGV[4] connection      id       empty: a caller without tokens
ARGV[5] previousOrder   integer  of previous_session_id; empty: none
ARGV[6] ttlMs           integer
ARGV[7] clockCapMs      integer  most that the shard clock runs on after a tick
ARGV[8] memoryMs        integer  of tombstones and contested sessions
ARGV[9] maxTombstones   integer  of a device
ARGV[10] maxDevices     integer  of the user
ARGV[11] logMaxEntries  integer
Returns array           kind ("registered", "repeated", "ended", "superseded", "too-many-devices"), session_id,
                        the user's version; only the kind when refused ]]

local record, deadlines, log, meta, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user_id, device_id, instance_id, connection = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local previous_order = tonumber(ARGV[5])
local ttl_ms, clock_cap_ms, memory_ms = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local max_tombstones, max_devices, log_max_entries = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]

-- #include moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include record
-- #include rank
-- #include log
-- #include deadlines
local header, devices = read_record(record)
local current, tombstones = decode_device(devices[device_id])
-- #include seat

if connection ~= '' then
  if current and current.connection == connection then
    if current.mark == GRACE then return { 'ended' } end
    local deadline_ms = string.format('%d', clock_ms + ttl_ms)
    redis.call('ZADD', deadlines, 'GT', deadline_ms, session_member(user_id, current.id))
    local _, version = decode_header(header)
    return { 'repeated', current.id, version }
  end
  for _, tombstone in ipairs(tombstones) do
    if tombstone.connection == connection then
      if tombstone.mark == ENDED then return { 'ended' } end
      if tombstone.mark == REPLACED then return { 'superseded' } end
      break
    end
  end
end

local order = math.max(now_us, begin_us, highest_order(current, tombstones) + 1)
-- A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
if previous_order then order = math.min(previous_order, order) end
if is_outranked(current, tombstones, order, connection) then return { 'superseded' } end

-- Devices that are only remembered, for longer than the memory, go when a new one would be too many.
if header and not devices[device_id] then
  local count = 0
  for _ in pairs(devices) do count = count + 1 end
  if count >= max_devices then
    for other_id, sessions in pairs(devices) do
      local its_current, its_tombstones = decode_device(sessions)
      if not its_current and not is_remembered(its_tombstones) then
        devices[other_id] = nil
        count = count - 1
      end
    end
    if count >= max_devices then return { 'too-many-devices' } end
  end
end

local session_id = string.format('%d', order)
local contested_until_ms = 0
if connection ~= '' then
  session_id = session_id .. '.' .. connection
else
  -- Could a late Unregister without session_id be meant for an earlier session of this device?
  local is_shard_new = begin_clock_ms and clock_ms < begin_clock_ms + memory_ms
  if current or is_shard_new or is_remembered(tombstones) then contested_until_ms = clock_ms + memory_ms end
end
return { 'registered', session_id, seat(session_id, instance_id, contested_until_ms) }
