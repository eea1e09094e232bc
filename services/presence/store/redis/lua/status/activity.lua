-- Takes down whether somebody uses the device of a live session, after decideActivity in domain/activity.ts.
--
-- activity: sequence, SP, since when nobody does ('': somebody does).
--
-- Needs: activity, own_activity, digits_of, now_ms, user_id, CAUSE_STATUS, CAUSE_RESTATED, begin_us, others,
--   has_status, record, version, last_seen_ms,
--   device_id, current_id, current_instance, contested_until_ms, current_lease, tombstones, shard_prefix
-- Changes: version

local its_sequence, its_idle = string.match(activity, '^(%d+) (%d*)$')
local last_sequence = tonumber(string.match(own_activity, '^%d*')) or 0
local is_late = tonumber(its_sequence) > 0 and own_activity ~= '' and tonumber(its_sequence) <= last_sequence
if not is_late and (its_idle == '' or its_idle + RULES.idle_min_ms <= now_ms) then
  local new_activity = digits_of(math.max(tonumber(its_sequence), last_sequence)) .. ' ' .. its_idle
  if new_activity ~= own_activity then
    local idle_before = string.match(own_activity, '%d*$')
    if idle_before ~= its_idle then
      -- #include status/said
      -- Else it decides nothing.
      if said_availability == '0' and not is_other_used then
        -- #include status/status-of
        local told_before = status_of(true, idle_before)
        local told_after, idle_text = status_of(true, its_idle)
        if told_after ~= told_before then
          local told_as
          -- #include status/told
          local its_cause = version + 0 < begin_us and CAUSE_RESTATED or CAUSE_STATUS
          local transition = user_id .. '\0001\0' .. its_cause .. '\0\0\0000' .. told_as
          -- #include log/append
          version = new_version
        end
      end
      -- #include status/keep-part
      if not has_status then redis.call('HSET', shard_prefix .. 'meta', 'schema', RULES.status_schema) end
    end
    local space = last_seen_ms == '' and '' or ' '
    local tab = tombstones == '' and '' or '\t'
    redis.call('SET', record, version .. space .. last_seen_ms .. others .. '\n' .. device_id ..
      '\t' .. current_id .. '\31' .. current_instance .. '\31' .. contested_until_ms .. '\31' .. current_lease .. '\31' ..
      new_activity .. tab .. tombstones)
  end
end
