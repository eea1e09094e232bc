-- Adds a tombstone of the current session in front of the others. Drops those that are older than the memory or too
-- many, never the new one. ending: the mark of the new one.
--
-- Needs: clock_ms, ending, current_id, current_instance, digits_of
-- Changes: tombstones

-- Until where the others are kept: they grow older from the first to the last.
local kept_to, count = 0, 1
while count < RULES.max_tombstones do
  -- Plain finds: a pattern would take each character of the ids by itself.
  local _, to, ended_at_ms
  local before_moment = string.find(tombstones, '\31', kept_to + 1, true)
  before_moment = before_moment and string.find(tombstones, '\31', before_moment + 1, true)
  if before_moment then _, to, ended_at_ms = string.find(tombstones, '^(%d+)', before_moment + 1) end
  if not to or ended_at_ms + RULES.memory_ms <= clock_ms then break end
  kept_to, count = to, count + 1
end
local tombstone = ending .. current_id .. '\31' .. current_instance .. '\31' .. digits_of(clock_ms)
tombstones = kept_to > 0 and tombstone .. '\t' .. string.sub(tombstones, 1, kept_to) or tombstone
