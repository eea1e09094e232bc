-- Cuts a record around one device.
--
-- Needs record.lua; text, the record or nil; device_id.
-- Gives header (nil if there is no record); others, the lines of the other devices; sessions, those of this one (nil if
-- none); of its current session mark (nil if none), current_id, current_order, current_connection, current_instance,
-- contested_until_ms; tombstones ('' if none).

local header, others, sessions, tombstones = nil, '', nil, ''
local mark, current_id, current_order, current_connection, current_instance, contested_until_ms
if text then
  header = string.match(text, '^[^\n]+')
  local from, to = string.find(text, '\n' .. device_id .. '\t', 1, true)
  if not from then
    others = string.sub(text, #header + 1)
  else
    local line_end = string.find(text, '\n', to, true) or #text + 1
    others = string.sub(text, #header + 1, from - 1) .. string.sub(text, line_end)
    sessions = string.sub(text, to + 1, line_end - 1)
    mark, current_id, current_order, current_connection, current_instance, contested_until_ms =
      string.match(sessions, CURRENT)
    local first_end = mark and (string.find(sessions, '\t', 1, true) or #sessions) or 0
    tombstones = string.sub(sessions, first_end + 1)
  end
end
