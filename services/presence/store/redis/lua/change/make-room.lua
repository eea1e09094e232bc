-- Whether the record has room for the device. Devices that are only remembered, for longer than the memory, go when a
-- new one would be too many.
--
-- Needs: sessions_from, ONLINE_LINE, clock_ms
-- Gives: has_room
-- Changes: others

local has_room = true
if not sessions_from and others ~= '' then
  local _, count = string.gsub(others, '\n', '')
  if count >= RULES.max_devices then
    -- The status part stays.
    local kept = { string.match(others, '^[^\n]*') }
    for line in string.gmatch(others, '\n[^\n]+') do
      local is_needed = string.find(line, ONLINE_LINE)
      for ended_at_ms in string.gmatch(line, '[^\t]+\31(%d+)') do
        is_needed = is_needed or ended_at_ms + RULES.memory_ms > clock_ms
      end
      if is_needed then kept[#kept + 1] = line end
    end
    has_room = #kept - 1 < RULES.max_devices
    if has_room then others = table.concat(kept) end
  end
end
