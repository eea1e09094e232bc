-- Drops the deadline of the current session; its member is the user and the session_id, or in grace the device. It
-- stays when another device of the user lives by the same session_id: a gateway that hands one connection_id to two
-- devices must not leave the second without a deadline, online for ever.
--
-- Needs: mark, GRACE, deadlines, user_id, device_id, others, current_id, current_lease, shard_prefix, besides

if mark == GRACE then
  redis.call('ZREM', deadlines, user_id .. '\0\0' .. device_id)
elseif others == '' or not string.find(others, '\t' .. current_id .. '\31', 1, true) then
  if current_lease == '' then
    redis.call('ZREM', deadlines, user_id .. '\0' .. current_id)
  else
    -- While its slot migrates, the lease's ZSET may be elsewhere already: there the member goes when it is due.
    local removed = redis.pcall('ZREM', shard_prefix .. 'lease:' .. current_lease, user_id .. '\0' .. current_id)
    if type(removed) == 'number' then besides.leased = (besides.leased or 0) - removed end
  end
end
