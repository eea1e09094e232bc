-- Needs record, deadlines, meta, live, user_id, device_id, header, devices, current, tombstones, ttl_ms.

--- Makes a session the device's current one, with a deadline a TTL from now. The first one brings the user online.
-- @param contested_until_ms 0: it is not
-- @return the version of the user, as text
local function seat(session_id, instance_id, contested_until_ms)
  local replaced = current
  local others = {}
  for _, tombstone in ipairs(tombstones) do
    if tombstone.id ~= session_id then others[#others + 1] = tombstone end
  end
  if replaced and replaced.id ~= session_id then
    others = bury(others, replaced, replaced.mark == GRACE and ENDED or REPLACED)
  end
  local seated = session_id .. '\31' .. instance_id
  if contested_until_ms > 0 then seated = string.format('%s\31%d', seated, contested_until_ms) end
  devices[device_id] = encode_device(seated, others)

  local online, version, last_seen_ms = decode_header(header)
  local announcement
  if not online then version, announcement = append(user_id, '1', CONNECTED, device_id, instance_id, 0) end

  write_record(record, encode_header(true, version, last_seen_ms), devices)
  if not online then redis.call('HINCRBY', meta, 'online', '1') end
  if replaced then drop_deadline(user_id, device_id, devices, replaced) end
  redis.call('ZADD', deadlines, string.format('%d', clock_ms + ttl_ms), session_member(user_id, session_id))
  if announcement then redis.call('SPUBLISH', live, announcement) end
  return version
end
