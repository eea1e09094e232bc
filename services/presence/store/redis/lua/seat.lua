--- Makes the session the device's current one, with a deadline a TTL from now. The first one brings the user online.
-- @param forgotten ids of devices whose fields make room
-- @return the version of the user
local function seat(shard, record, user_id, device_id, device, session, forgotten, moment, rules)
  local replaced = device.current
  local tombstones = {}
  for _, tombstone in ipairs(device.tombstones) do
    if tombstone.id ~= session.id then table.insert(tombstones, tombstone) end
  end
  if replaced and replaced.id ~= session.id then
    tombstones = bury(tombstones, replaced, replaced.mark == GRACE and ENDED or REPLACED, moment, rules)
  end

  local announcement
  if not record.online then
    record.version, announcement = append(shard, moment, {
      user_id = user_id,
      online = true,
      cause = CONNECTED,
      device_id = device_id,
      instance_id = session.instance,
      last_seen_ms = 0,
    })
  end

  if #forgotten > 0 then redis.call('HDEL', record.key, unpack(forgotten)) end
  local value = encode_device({ current = session, tombstones = tombstones })
  if record.online then
    redis.call('HSET', record.key, device_id, value)
  else
    record.online = true
    redis.call('HSET', record.key, '', encode_header(record), device_id, value)
    if record.exists then redis.call('PERSIST', record.key) end
    redis.call('HINCRBY', shard.meta, 'online', 1)
  end
  if replaced then drop_deadline(shard, record, user_id, device_id, replaced) end
  redis.call('ZADD', shard.deadlines, moment.clock_ms + rules.ttl_ms, session_member(user_id, session.id))
  if announcement then redis.call('SPUBLISH', shard.live, announcement) end
  return record.version
end
