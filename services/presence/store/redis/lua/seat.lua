-- Makes a session the device's current one, with a deadline a TTL from now. The first one brings the user online.
--
-- Needs the keys, moment.lua, record.lua, append.lua, deadlines.lua; user_id, device_id; the record as header, others,
-- sessions, tombstones ('' if none) and the current session as mark, current_id, current_instance (nil if none);
-- the new one as session_id, instance_id, contested_until_ms (0: it is not).
-- Gives version, the user's, as text.

if mark and current_id ~= session_id then
  local ending = mark == GRACE and ENDED or REPLACED
  tombstones = bury(tombstones, ending, current_id, current_instance, clock_ms, memory_ms, max_tombstones)
end
local seated = session_id .. '\31' .. instance_id
if contested_until_ms > 0 then seated = string.format('%s\31%d', seated, contested_until_ms) end
if tombstones ~= '' then seated = seated .. '\t' .. tombstones end

local offline, version, last_seen_ms = '-', '0', ''
if header then offline, version, last_seen_ms = string.match(header, '^(-?)(%d+) ?(%d*)$') end
local transition
if offline ~= '' then
  transition = user_id .. '\0001\0' .. CONNECTED .. '\0' .. device_id .. '\0' .. instance_id .. '\0000'
  version = append(log, log_max_entries, now_us, transition)
  header = encode_header(true, version, tonumber(last_seen_ms) or 0)
end

redis.call('SET', record, header .. others .. '\n' .. device_id .. '\t' .. seated)
if mark then drop_deadline(deadlines, user_id, device_id, others, mark, current_id) end
redis.call('ZADD', deadlines, string.format('%d', clock_ms + ttl_ms), user_id .. '\0' .. session_id)
if transition then
  redis.call('HINCRBY', meta, 'online', '1')
  redis.call('SPUBLISH', live, version .. '\0' .. transition)
end
