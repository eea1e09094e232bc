-- Takes the current session of a device away. The last one takes the user offline.
--
-- ending: the mark of its tombstone.
-- cause: of the transition, if it is one.
-- seen_ms: when the session gave its last sign of life; 0: the record knows.
--
-- Needs: seen_ms, digits_of, others, ONLINE_LINE, user_id, cause, device_id, current_instance, tombstones,
--   record, mark, GRACE, of_other_devices
-- Changes: last_seen_ms, version, online_change

-- #include record/add-tombstone
if last_seen_ms == '' or last_seen_ms + 0 < seen_ms then last_seen_ms = digits_of(seen_ms) end
local is_last = others == '' or not string.find(others, ONLINE_LINE)
if is_last then
  local transition =
    user_id .. '\0000\0' .. cause .. '\0' .. device_id .. '\0' .. current_instance .. '\0' .. last_seen_ms
  -- #include log/append
  version = '-' .. new_version
end
local after = version .. ' ' .. last_seen_ms .. others .. '\n' .. device_id .. '\t' .. tombstones
if is_last then
  redis.call('SET', record, after, 'PX', RULES.retention_ms)
  online_change = online_change - 1
else
  redis.call('SET', record, after)
  if mark ~= GRACE then of_other_devices[#of_other_devices + 1] = user_id end
end
-- #include deadline/drop-deadline
