-- A session that comes back. Needs record.lua.

--- Whether another connection of the device registered later, or took this very session's place.
-- @param current_order of the device's session, nil if it has none
local function is_outranked(current_order, tombstones, order, connection_id)
  if current_order and current_order > order then return true end
  for mark, its_order, its_connection in string.gmatch(tombstones, TOMBSTONE) do
    its_order = tonumber(its_order)
    if its_order > order then return true end
    if mark == REPLACED and its_order == order and its_connection == connection_id then return true end
  end
  return false
end

--- Without the tombstone of that session.
local function without_tombstone_of(tombstones, session_id)
  local kept = {}
  for tombstone in string.gmatch(tombstones, '[^\t]+') do
    if string.sub(tombstone, 2, #session_id + 2) ~= session_id .. '\31' then kept[#kept + 1] = tombstone end
  end
  return table.concat(kept, '\t')
end
