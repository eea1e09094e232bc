#!lua
--[[ Makes a session its device's current one, after decideRegister in domain/decisions.ts.
KEYS[1] record          hash     of the user
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

-- #include moment
-- #include record
-- #include log
-- #include deadlines
-- #include seat

local shard = { deadlines = KEYS[2], log = KEYS[3], meta = KEYS[4], live = KEYS[5], log_max = ARGV[11] }
local rules = { ttl_ms = ARGV[6], memory_ms = tonumber(ARGV[8]), max_tombstones = tonumber(ARGV[9]) }
local user_id, device_id, instance_id, connection_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local max_devices = tonumber(ARGV[10])
local moment = read_running_moment(shard.meta, ARGV[7])
local record = read_record(KEYS[1])
local device = decode_device(record.devices[device_id])
local current = device.current

if connection_id ~= '' then
  if current and current.connection == connection_id then
    if current.mark == GRACE then return { 'ended' } end
    redis.call('ZADD', shard.deadlines, 'GT', moment.clock_ms + rules.ttl_ms, session_member(user_id, current.id))
    return { 'repeated', current.id, record.version }
  end
  for _, tombstone in ipairs(device.tombstones) do
    if tombstone.connection == connection_id then
      if tombstone.mark == ENDED then return { 'ended' } end
      if tombstone.mark == REPLACED then return { 'superseded' } end
      break
    end
  end
end

local order = math.max(moment.now_us, moment.begin_us, highest_order(device) + 1)
-- A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
if ARGV[5] ~= '' then order = math.min(tonumber(ARGV[5]), order) end
if is_outranked(device, order, connection_id) then return { 'superseded' } end

--- Devices that are only remembered, for longer than the memory, when a new one would be too many.
local function make_room()
  local forgotten, count = {}, 0
  if record.devices[device_id] then return forgotten end
  for _ in pairs(record.devices) do count = count + 1 end
  if count < max_devices then return forgotten end
  for other_id, value in pairs(record.devices) do
    local other = decode_device(value)
    if not other.current and not is_remembered(other, moment, rules) then table.insert(forgotten, other_id) end
  end
  if count - #forgotten < max_devices then return forgotten end
end

local forgotten = make_room()
if not forgotten then return { 'too-many-devices' } end

-- Whether a late Unregister without session_id could be meant for an earlier session of this device.
local contested_begin = moment.begin_clock_ms and moment.clock_ms < moment.begin_clock_ms + rules.memory_ms
local is_unclear = current or contested_begin or is_remembered(device, moment, rules)
local session = {
  mark = LIVE,
  id = string.format('%.0f', order) .. (connection_id == '' and '' or '.' .. connection_id),
  instance = instance_id,
  contested_until_ms = (connection_id == '' and is_unclear) and moment.clock_ms + rules.memory_ms or 0,
}
return {
  'registered',
  session.id,
  seat(shard, record, user_id, device_id, device, session, forgotten, moment, rules),
}
