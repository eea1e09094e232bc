-- A user's record, as the HASH keeps it (domain/session.ts). Ids hold no control characters, so these separate:
--
--   field ""          [ "-" ] version [ SP last_seen_ms ]      the minus says offline; alone it is stored as an integer
--   field <device>    [ current ] *( tombstone )               joined by LF, tombstones newest first
--     current         [ "g" ] session [ HT contested_until ]   g: in grace
--     tombstone       ( "e" / "r" / "x" ) session HT ended_at  ended, replaced, expired
--     session         session_id HT instance_id

local LIVE, GRACE, ENDED, REPLACED, EXPIRED = '', 'g', 'e', 'r', 'x'

--- Device values stay as they are until somebody needs them.
local function read_record(key)
  local record = { key = key, exists = false, online = false, version = '0', last_seen_ms = 0, devices = {} }
  local flat = redis.call('HGETALL', key)
  for index = 1, #flat, 2 do
    if flat[index] == '' then
      local offline, version, last_seen = string.match(flat[index + 1], '^(-?)(%d+) ?(%d*)$')
      record.exists = true
      record.online = offline == ''
      record.version = version
      record.last_seen_ms = tonumber(last_seen) or 0
    else
      record.devices[flat[index]] = flat[index + 1]
    end
  end
  return record
end

local function encode_header(record)
  local sign = record.online and '' or '-'
  if record.last_seen_ms == 0 then return sign .. record.version end
  return string.format('%s%s %.0f', sign, record.version, record.last_seen_ms)
end

local function parse_session_id(session_id)
  local order, connection_id = string.match(session_id, '^(%d+)%.?(.*)$')
  return tonumber(order), connection_id
end

--- { current = session or nil, tombstones = { newest, … } }
local function decode_device(value)
  local device = { tombstones = {} }
  for line in string.gmatch(value or '', '[^\n]+') do
    local mark, id, instance, number = string.match(line, '^(%a?)([^\t]+)\t([^\t]*)\t?(%d*)$')
    local session = { mark = mark, id = id, instance = instance }
    session.order, session.connection = parse_session_id(id)
    if mark == LIVE or mark == GRACE then
      session.contested_until_ms = tonumber(number) or 0
      device.current = session
    else
      session.ended_at_ms = tonumber(number)
      table.insert(device.tombstones, session)
    end
  end
  return device
end

local function encode_device(device)
  local lines = {}
  local current = device.current
  if current then
    local contested = current.contested_until_ms > 0 and string.format('\t%.0f', current.contested_until_ms) or ''
    lines[1] = current.mark .. current.id .. '\t' .. current.instance .. contested
  end
  for _, tombstone in ipairs(device.tombstones) do
    lines[#lines + 1] =
      string.format('%s%s\t%s\t%.0f', tombstone.mark, tombstone.id, tombstone.instance, tombstone.ended_at_ms)
  end
  return table.concat(lines, '\n')
end

--- Whether the device has a session that is live or in grace; a tombstone's mark is none of these.
local function has_current(value)
  return string.find(value, '^[%dg]') ~= nil
end

--- The device whose live session has this id, other than `except`.
local function find_live(record, session_id, except)
  local start = session_id .. '\t'
  for device_id, value in pairs(record.devices) do
    if device_id ~= except and string.sub(value, 1, #start) == start then return device_id end
  end
end

local function highest_order(device)
  local highest = device.current and device.current.order or 0
  for _, tombstone in ipairs(device.tombstones) do highest = math.max(highest, tombstone.order) end
  return highest
end

--- Whether another connection of the device registered later, or took this very session's place.
local function is_outranked(device, order, connection_id)
  if device.current and device.current.order > order then return true end
  for _, other in ipairs(device.tombstones) do
    local is_same = other.order == order and other.connection == connection_id
    if other.order > order or (is_same and other.mark == REPLACED) then return true end
  end
  return false
end

--- Whether a session of the device ended no longer ago than the memory.
local function is_remembered(device, moment, rules)
  for _, tombstone in ipairs(device.tombstones) do
    if tombstone.ended_at_ms + rules.memory_ms > moment.clock_ms then return true end
  end
  return false
end

--- Adds a tombstone in front; drops those that are older than the memory or too many, never the new one.
local function bury(tombstones, session, mark, moment, rules)
  local kept = {
    { mark = mark, id = session.id, instance = session.instance, ended_at_ms = moment.clock_ms },
  }
  for _, tombstone in ipairs(tombstones) do
    if #kept == rules.max_tombstones then break end
    if tombstone.ended_at_ms + rules.memory_ms > moment.clock_ms then table.insert(kept, tombstone) end
  end
  return kept
end
