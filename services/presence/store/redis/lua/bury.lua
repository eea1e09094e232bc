-- Puts a tombstone of the current session in front of the others; drops those that are older than the memory or too
-- many, never the new one. Needs moment.lua, device.lua; ending, its mark. Changes tombstones.

local older = tombstones
tombstones = string.format('%s%s\31%s\31%d', ending, current_id, current_instance, clock_ms)
if older ~= '' then
  local count = 1
  for tombstone, ended_at_ms in string.gmatch(older, '([^\t]+\31(%d+))') do
    if count == RULES.max_tombstones then break end
    if ended_at_ms + RULES.memory_ms > clock_ms then
      tombstones = tombstones .. '\t' .. tombstone
      count = count + 1
    end
  end
end
