--- Drops the deadline of a device's session; its member is the user and the session_id, or in grace the device. Stays
-- when another device of the user lives by the same session_id: a gateway that hands one connection_id to two devices
-- must not leave the second without a deadline, online for ever.
-- @param others the lines of the user's other devices
local function drop_deadline(deadlines, user_id, device_id, others, mark, session_id)
  if mark == 'g' then
    redis.call('ZREM', deadlines, user_id .. '\0\0' .. device_id)
  elseif not string.find(others, '\t' .. session_id .. '\31', 1, true) then
    redis.call('ZREM', deadlines, user_id .. '\0' .. session_id)
  end
end
