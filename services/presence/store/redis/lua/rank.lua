-- Who of a device's connections registered later (domain/decisions.ts). Needs clock_ms, memory_ms.

local function highest_order(current, tombstones)
  local highest = current and current.order or 0
  for _, tombstone in ipairs(tombstones) do highest = math.max(highest, tombstone.order) end
  return highest
end

--- Whether another connection of the device registered later, or took this very session's place.
local function is_outranked(current, tombstones, order, connection)
  if current and current.order > order then return true end
  for _, other in ipairs(tombstones) do
    local is_same = other.order == order and other.connection == connection
    if other.order > order or (is_same and other.mark == REPLACED) then return true end
  end
  return false
end

--- Whether a session of the device ended no longer ago than the memory.
local function is_remembered(tombstones)
  for _, tombstone in ipairs(tombstones) do
    if tombstone.ended_at_ms + memory_ms > clock_ms then return true end
  end
  return false
end
