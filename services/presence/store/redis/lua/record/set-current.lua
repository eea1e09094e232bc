-- Makes a session the device's current one, with a deadline a TTL from now. The first one takes the user online.
--
-- Needs the keys, record, moment.lua, log.lua, device.lua; session_id, instance_id, contested_until_ms (0: it is not) of
-- the new session. Gives version, the user's, as text.

if mark and current_id ~= session_id then
  local ending = mark == GRACE and ENDED or REPLACED
  -- #include record/add-tombstone
end
local is_first = minus ~= ''
local space = version and last_seen_ms ~= '' and ' ' or ''
local contested = contested_until_ms > 0 and '\31' .. digits_of(contested_until_ms) or ''
local tab = tombstones == '' and '' or '\t'
if is_first then
  version = append(user_id .. '\0001\0' .. CAUSE_CONNECTED .. '\0' .. device_id .. '\0' .. instance_id .. '\0000')
end
-- One string at once: each on the way would be hashed.
redis.call('SET', record, version .. space .. (last_seen_ms or '') .. others .. '\n' ..
  device_id .. '\t' .. session_id .. '\31' .. instance_id .. contested .. tab .. tombstones)
if is_first then
  online_change = online_change + 1
elseif mark ~= '' and string.find(others, ONLINE_LINE) then
  of_other_devices[#of_other_devices + 1] = user_id
end
if mark then
  -- #include deadline/drop-deadline
end
redis.call('ZADD', deadlines, digits_of(clock_ms + RULES.ttl_ms), user_id .. '\0' .. session_id)
