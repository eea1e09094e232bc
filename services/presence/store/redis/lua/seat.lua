-- Makes a session the device's current one, with a deadline a TTL from now. The first one brings the user online.
--
-- Needs the keys, record, moment.lua, log.lua, device.lua; fresh_deadline, a TTL from now; session_id, instance_id,
-- contested_until_ms (0: it is not) of the new session. Gives version, the user's, as text.

if mark and current_id ~= session_id then
  local ending = mark == GRACE and ENDED or REPLACED
  -- #include bury
end
local is_first = minus ~= ''
if is_first then
  version = append(user_id .. '\0001\0' .. CONNECTED .. '\0' .. device_id .. '\0' .. instance_id .. '\0000')
end
local seen = last_seen_ms and last_seen_ms ~= '' and ' ' .. last_seen_ms or ''
local contested = contested_until_ms > 0 and string.format('\31%d', contested_until_ms) or ''
local tab = tombstones == '' and '' or '\t'
local session = session_id .. '\31' .. instance_id .. contested
redis.call('SET', record, version .. seen .. others .. '\n' .. device_id .. '\t' .. session .. tab .. tombstones)
if is_first then online_change = online_change + 1 end
if mark then
  -- #include drop-deadline
end
redis.call('ZADD', deadlines, fresh_deadline, user_id .. '\0' .. session_id)
