-- Needs deadlines, meta, live, retention_ms.

--- Takes the current session of a device down. The last one takes the user offline.
-- @param header, devices the user's record under `record`
-- @param ending the mark of its tombstone
-- @param seen_ms when it gave its last sign of life; 0: what the record says already
local function unseat(record, user_id, device_id, header, devices, session, tombstones, ending, cause, seen_ms)
  local _, version, last_seen_ms = decode_header(header)
  last_seen_ms = math.max(last_seen_ms, seen_ms)
  devices[device_id] = encode_device(nil, bury(tombstones, session, ending))
  local online = false
  for _, sessions in pairs(devices) do online = online or has_current(sessions) end

  local announcement
  if not online then
    version, announcement = append(user_id, '0', cause, device_id, session.instance, last_seen_ms)
  end

  write_record(record, encode_header(online, version, last_seen_ms), devices, not online and retention_ms)
  drop_deadline(user_id, device_id, devices, session)
  if announcement then
    redis.call('HINCRBY', meta, 'online', '-1')
    redis.call('SPUBLISH', live, announcement)
  end
end
