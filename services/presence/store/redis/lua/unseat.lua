--- Takes the device's current session down. The last one takes the user offline.
-- @param ending the mark of its tombstone
local function unseat(shard, record, user_id, device_id, device, ending, cause, moment, rules)
  local session = device.current
  local value = encode_device({ tombstones = bury(device.tombstones, session, ending, moment, rules) })
  record.devices[device_id] = value
  record.online = false
  for _, other in pairs(record.devices) do
    if has_current(other) then record.online = true end
  end

  local announcement
  if not record.online then
    record.version, announcement = append(shard, moment, {
      user_id = user_id,
      online = false,
      cause = cause,
      device_id = device_id,
      instance_id = session.instance,
      last_seen_ms = record.last_seen_ms,
    })
  end

  redis.call('HSET', record.key, '', encode_header(record), device_id, value)
  drop_deadline(shard, record, user_id, device_id, session)
  if announcement then
    redis.call('PEXPIRE', record.key, rules.retention_ms)
    redis.call('HINCRBY', shard.meta, 'online', -1)
    redis.call('SPUBLISH', shard.live, announcement)
  end
end
