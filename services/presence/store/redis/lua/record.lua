-- A user's record, as the STRING keeps it (domain/session.ts). Ids hold no control characters, so these separate:
--
--   record     = header *( LF device_id HT sessions )
--   header     = [ "-" ] version [ SP last_seen_ms ]          the minus says offline
--   sessions   = ( current / tombstone ) *( HT tombstone )    tombstones newest first
--   current    = [ "g" ] session [ US contested_until_ms ]    g: in grace
--   tombstone  = ( "e" / "r" / "x" ) session US ended_at_ms   ended, replaced, expired
--   session    = session_id US instance_id
--   session_id = order [ "." connection_id ]
--
-- Records are cut and joined as text and never turned into tables: what a script leaves for Lua's garbage collector
-- costs Redis more than the commands that it calls. For the same reason functions here take all that they need.
-- Numbers are written with %d, which is exact where a C long has 64 bits, in half the time of %.0f.

local GRACE, ENDED, REPLACED, EXPIRED = 'g', 'e', 'r', 'x'

-- Captures mark, session_id, order, connection_id, instance_id, contested_until_ms; matches only a current session.
local CURRENT = '^(g?)((%d+)%.?([^\31]*))\31([^\31\t]*)\31?(%d*)'
-- Captures mark, session_id, order, connection_id, instance_id, ended_at_ms.
local TOMBSTONE = '([erx])((%d+)%.?([^\31]*))\31([^\31]*)\31(%d+)'
-- Of the lines of devices: one that has a session, live or in grace.
local ONLINE_LINE = '\n[^\t]+\t[%dg]'

--- Cuts out what a record says of one device.
-- @return the header, the lines of all other devices, the sessions of this one or nil
local function split_record(text, device_id)
  local header = string.match(text, '^[^\n]+')
  local from, to = string.find(text, '\n' .. device_id .. '\t', 1, true)
  if not from then return header, string.sub(text, #header + 1) end
  local line_end = string.find(text, '\n', to, true) or #text + 1
  local others = string.sub(text, #header + 1, from - 1) .. string.sub(text, line_end)
  return header, others, string.sub(text, to + 1, line_end - 1)
end

--- Cuts a device's sessions: the tombstones, without the current session if there is one.
local function tombstones_of(sessions)
  if string.find(sessions, '^[erx]') then return sessions end
  local first_end = string.find(sessions, '\t', 1, true)
  return first_end and string.sub(sessions, first_end + 1) or ''
end

--- Drops the tombstone of a session that comes back.
local function without_tombstone(tombstones, session_id)
  local kept = {}
  for tombstone in string.gmatch(tombstones, '[^\t]+') do
    if string.sub(tombstone, 2, #session_id + 2) ~= session_id .. '\31' then kept[#kept + 1] = tombstone end
  end
  return table.concat(kept, '\t')
end

--- Puts a tombstone in front of others; drops those that are older than the memory or too many, never the new one.
local function bury(tombstones, mark, session_id, instance_id, clock_ms, memory_ms, max_tombstones)
  local sessions = string.format('%s%s\31%s\31%d', mark, session_id, instance_id, clock_ms)
  if tombstones == '' then return sessions end
  local count = 1
  for tombstone, ended_at_ms in string.gmatch(tombstones, '([^\t]+\31(%d+))') do
    if count == max_tombstones then break end
    if ended_at_ms + memory_ms > clock_ms then
      sessions = sessions .. '\t' .. tombstone
      count = count + 1
    end
  end
  return sessions
end

--- @param version as text
local function encode_header(online, version, last_seen_ms)
  local header = online and version or '-' .. version
  if last_seen_ms == 0 then return header end
  return string.format('%s %d', header, last_seen_ms)
end
