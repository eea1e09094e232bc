-- Drops the deadline of the current session; its member is the user and the session_id, or in grace the device. It
-- stays when another device of the user lives by the same session_id: a gateway that hands one connection_id to two
-- devices must not leave the second without a deadline, online for ever.
--
-- Needs: mark, GRACE, deadlines, user_id, device_id, others, current_id

if mark == GRACE then
  redis.call('ZREM', deadlines, user_id .. '\0\0' .. device_id)
elseif others == '' or not string.find(others, '\t' .. current_id .. '\31', 1, true) then
  redis.call('ZREM', deadlines, user_id .. '\0' .. current_id)
end
