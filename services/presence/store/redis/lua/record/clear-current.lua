-- Takes the current session of a device away. The last one takes the user offline.
--
-- ending: the mark of its tombstone.
-- cause: of the transition, if it is one.
-- seen_ms: when the session gave its last sign of life; 0: the record knows.
--
-- Needs: seen_ms, digits_of, others, ONLINE_LINE, user_id, cause, device_id, current_instance, tombstones,
--   record, mark, GRACE, has_status, own_activity, CAUSE_STATUS, CAUSE_RESTATED, begin_us
-- Changes: last_seen_ms, version, online_change

-- #include record/add-tombstone
if last_seen_ms == '' or last_seen_ms + 0 < seen_ms then last_seen_ms = digits_of(seen_ms) end
local is_last = others == '' or not string.find(others, ONLINE_LINE)
local told_as, is_told_apart, has_book = '', false, false
if has_status then
  -- #include status/said
  -- #include status/status-of
  local told_before = status_of(true, string.match(own_activity, '%d*$'))
  local told_after, idle_text = status_of(not is_last, nil)
  is_told_apart = told_after ~= told_before
  -- #include status/told
  local its_idle = ''
  -- #include status/keep-part
  has_book = book ~= ''
end
if is_last then
  local transition =
    user_id .. '\0000\0' .. cause .. '\0' .. device_id .. '\0' .. current_instance .. '\0' .. last_seen_ms .. told_as
  -- #include log/append
  version = '-' .. new_version
elseif is_told_apart then
  local its_cause = version + 0 < begin_us and CAUSE_RESTATED or CAUSE_STATUS
  local transition = user_id .. '\0001\0' .. its_cause .. '\0\0\0000' .. told_as
  -- #include log/append
  version = new_version
end
local after = version .. ' ' .. last_seen_ms .. others .. '\n' .. device_id .. '\t' .. tombstones
if is_last then
  if has_book then
    redis.call('SET', record, after)
  else
    redis.call('SET', record, after, 'PX', RULES.retention_ms)
  end
  online_change = online_change - 1
else
  redis.call('SET', record, after)
  if mark ~= GRACE then
    -- #include log/tell-devices
  end
end
-- #include deadline/drop-deadline
