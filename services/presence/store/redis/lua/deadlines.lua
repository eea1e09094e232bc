-- Members of the deadlines: one per session, or per device in grace. A superseded session simply is not there.
-- Needs deadlines.

local function session_member(user_id, session_id)
  return user_id .. '\0' .. session_id
end

local function grace_member(user_id, device_id)
  return user_id .. '\0\0' .. device_id
end

--- Drops the deadline of a device's session, unless another device of the user lives by the same session_id: a gateway
-- that hands one connection_id to two devices must not leave the second without a deadline, online for ever.
local function drop_deadline(user_id, device_id, devices, session)
  if session.mark == GRACE then
    redis.call('ZREM', deadlines, grace_member(user_id, device_id))
  elseif not find_live(devices, session.id, device_id) then
    redis.call('ZREM', deadlines, session_member(user_id, session.id))
  end
end
