-- Makes a session the device's current one, with a deadline a TTL from now, or under a lease. The first one takes the user
-- online.
--
-- session_id, instance_id, contested_until_ms (0: it is not): of the new session.
-- lease_id: that the new session is under, '' for none.
-- activity: sequence, SP, since when nobody uses the device, '' for nothing said; its_idle: that of it, ''.
-- version: the user's, as text, the new one afterwards.
--
-- Needs: mark, current_id, session_id, GRACE, ENDED, REPLACED, record, minus, last_seen_ms, contested_until_ms,
--   digits_of, tombstones, user_id, CAUSE_CONNECTED, device_id, instance_id, others, ONLINE_LINE,
--   deadlines, clock_ms, lease_id, shard_prefix, current_lease, besides, has_status, own_activity, activity,
--   its_idle, CAUSE_STATUS, CAUSE_RESTATED, begin_us
-- Changes: version, online_change

if mark and current_id ~= session_id then
  local ending = mark == GRACE and ENDED or REPLACED
  -- #include record/add-tombstone
end
local is_first = minus ~= ''
local space = version and last_seen_ms ~= '' and ' ' or ''
local contested = contested_until_ms > 0 and '\31' .. digits_of(contested_until_ms) or ''
local leased = lease_id ~= '' and '\31\31' .. lease_id or ''
if activity ~= '' then
  if leased == '' then leased = contested == '' and '\31\31' or '\31' end
  leased = leased .. '\31' .. activity
end
local tab = tombstones == '' and '' or '\t'
local told_as, is_told_apart = '', false
if has_status or its_idle ~= '' then
  -- #include status/said
  -- #include status/status-of
  local told_before = status_of(not is_first, mark and string.match(own_activity, '%d*$'))
  local told_after, idle_text = status_of(true, its_idle)
  is_told_apart = told_after ~= told_before
  -- #include status/told
  -- #include status/keep-part
  if not has_status then redis.call('HSET', shard_prefix .. 'meta', 'schema', RULES.status_schema) end
end
if is_first then
  local transition =
    user_id .. '\0001\0' .. CAUSE_CONNECTED .. '\0' .. device_id .. '\0' .. instance_id .. '\0000' .. told_as
  -- #include log/append
  version = new_version
elseif is_told_apart then
  local its_cause = version + 0 < begin_us and CAUSE_RESTATED or CAUSE_STATUS
  local transition = user_id .. '\0001\0' .. its_cause .. '\0\0\0000' .. told_as
  -- #include log/append
  version = new_version
end
-- One string at once: each on the way would be hashed.
redis.call('SET', record, version .. space .. (last_seen_ms or '') .. others .. '\n' ..
  device_id .. '\t' .. session_id .. '\31' .. instance_id .. contested .. leased .. tab .. tombstones)
if is_first then
  online_change = online_change + 1
elseif mark ~= '' and string.find(others, ONLINE_LINE) then
  -- #include log/tell-devices
end
-- In this order: a ZSET that is left empty is gone, and while its slot migrates it cannot be made here again.
if lease_id == '' then
  redis.call('ZADD', deadlines, digits_of(clock_ms + RULES.ttl_ms), user_id .. '\0' .. session_id)
else
  local until_ms = digits_of(clock_ms + RULES.leased_ttl_ms)
  local its_deadlines = shard_prefix .. 'lease:' .. lease_id
  local added = redis.call('ZADD', its_deadlines, until_ms, user_id .. '\0' .. session_id)
  besides.leased = (besides.leased or 0) + added
end
if mark and (mark == GRACE or current_id ~= session_id) then
  -- #include deadline/drop-deadline
  if current_lease ~= '' then
    local notices = besides.notices or {}
    notices[#notices + 1] = 'superseded\0' .. current_lease .. '\0' .. user_id .. '\0' .. device_id .. '\0' .. current_id
    besides.notices = notices
  end
end
