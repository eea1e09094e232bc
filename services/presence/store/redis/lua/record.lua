-- A user's record, as the STRING keeps it (domain/session.ts). Ids hold no control characters, so these separate:
--
--   record     = header *( LF device_id HT sessions )
--   header     = [ "-" ] version [ SP last_seen_ms ]          the minus says offline
--   sessions   = ( current / tombstone ) *( HT tombstone )    tombstones newest first
--   current    = [ "g" ] session [ US contested_until_ms ]    g: in grace
--   tombstone  = ( "e" / "r" / "x" ) session US ended_at_ms   ended, replaced, expired
--   session    = session_id US instance_id
--
-- Numbers are written with %d, which is exact where a C long has 64 bits and costs half of %.0f.
-- Needs clock_ms, memory_ms, max_tombstones when a session is buried.

local LIVE, GRACE, ENDED, REPLACED, EXPIRED = '', 'g', 'e', 'r', 'x'

--- `header` is nil when there is no record; `devices` holds the sessions of each device, as text.
local function read_record(key)
  local devices = {}
  local text = redis.call('GET', key)
  if not text then return nil, devices end
  for device_id, sessions in string.gmatch(text, '\n([^\t]+)\t([^\n]+)') do devices[device_id] = sessions end
  return string.match(text, '^[^\n]+'), devices
end

--- For ever, or for as long as someone who is offline is remembered.
local function write_record(key, header, devices, retention_ms)
  local text = header
  for device_id, sessions in pairs(devices) do text = text .. '\n' .. device_id .. '\t' .. sessions end
  if retention_ms then redis.call('SET', key, text, 'PX', retention_ms) else redis.call('SET', key, text) end
end

--- Whether he is online, his version as text, when he was last seen.
local function decode_header(header)
  if not header then return false, '0', 0 end
  local offline, version, last_seen_ms = string.match(header, '^(-?)(%d+) ?(%d*)$')
  return offline == '', version, tonumber(last_seen_ms) or 0
end

local function encode_header(online, version, last_seen_ms)
  local sign = online and '' or '-'
  if last_seen_ms == 0 then return sign .. version end
  return string.format('%s%s %d', sign, version, last_seen_ms)
end

--- The current session or nil, and the tombstones; each keeps the text that it came from.
local function decode_device(sessions)
  local current
  local tombstones = {}
  if not sessions then return nil, tombstones end
  for text in string.gmatch(sessions, '[^\t]+') do
    local mark, id, order, connection, instance, ms =
      string.match(text, '^(%a?)((%d+)%.?([^\31]*))\31([^\31]*)\31?(%d*)$')
    local session = {
      text = text,
      mark = mark,
      id = id,
      order = tonumber(order),
      connection = connection,
      instance = instance,
    }
    if mark == LIVE or mark == GRACE then
      session.contested_until_ms = tonumber(ms) or 0
      current = session
    else
      session.ended_at_ms = tonumber(ms)
      tombstones[#tombstones + 1] = session
    end
  end
  return current, tombstones
end

local function encode_device(current, tombstones)
  local sessions = current
  for _, tombstone in ipairs(tombstones) do
    sessions = sessions and sessions .. '\t' .. tombstone.text or tombstone.text
  end
  return sessions
end

--- Whether the device has a session that is live or in grace; a tombstone's mark is none of these.
local function has_current(sessions)
  return string.find(sessions, '^[%dg]') ~= nil
end

--- The device whose live session has this id, other than `except`.
local function find_live(devices, session_id, except)
  local start = session_id .. '\31'
  for device_id, sessions in pairs(devices) do
    if device_id ~= except and string.sub(sessions, 1, #start) == start then return device_id end
  end
end

--- Tombstones with a new one in front, without those that are older than the memory or too many.
local function bury(tombstones, session, mark)
  local kept = { { text = string.format('%s%s\31%s\31%d', mark, session.id, session.instance, clock_ms) } }
  for _, tombstone in ipairs(tombstones) do
    if #kept == max_tombstones then break end
    if tombstone.ended_at_ms + memory_ms > clock_ms then kept[#kept + 1] = tombstone end
  end
  return kept
end
