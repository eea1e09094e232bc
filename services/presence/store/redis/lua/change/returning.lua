-- A session that comes back: whether it may, and without its tombstone.
--
-- Needs: TOMBSTONE, REPLACED
-- Gives: is_outranked, without_tombstone_of

--- Whether another connection of the device registered later, or took this very session's place. A connection never
-- outranks itself: it has two orders when a call that registers it is carried out once more, after a loss.
-- @param live_order of the device's session, nil if it has none, or one of this connection
-- @param ended the device's tombstones
local function is_outranked(live_order, ended, its_order, its_connection)
  if live_order and live_order > its_order then return true end
  for how, ended_order, ended_connection in string.gmatch(ended, TOMBSTONE) do
    ended_order = tonumber(ended_order)
    local is_itself = ended_connection == its_connection
    if ended_order > its_order and not (is_itself and its_connection ~= '') then return true end
    if how == REPLACED and ended_order >= its_order and is_itself then return true end
  end
  return false
end

--- The tombstones without that of the session.
local function without_tombstone_of(its_id, ended)
  local kept = {}
  for tombstone in string.gmatch(ended, '[^\t]+') do
    if string.sub(tombstone, 2, #its_id + 2) ~= its_id .. '\31' then kept[#kept + 1] = tombstone end
  end
  return table.concat(kept, '\t')
end
