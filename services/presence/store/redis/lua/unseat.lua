-- Takes the current session of a device down. The last one takes the user offline.
--
-- Needs the keys, moment.lua, record.lua, append.lua, deadlines.lua; user_id, device_id; the record as header, others,
-- sessions; the session as mark, session_id, instance_id; ending, the mark of its tombstone; cause; seen_ms, when it
-- gave its last sign of life (0: the record knows).

local buried =
  bury(tombstones_of(sessions), ending, session_id, instance_id, clock_ms, memory_ms, max_tombstones)
local version, last_seen_ms = string.match(header, '^(%d+) ?(%d*)$')
last_seen_ms = math.max(tonumber(last_seen_ms) or 0, seen_ms)
local online = string.find(others, ONLINE_LINE)
local transition
if not online then
  local seen = string.format('%d', last_seen_ms)
  transition = user_id .. '\0000\0' .. cause .. '\0' .. device_id .. '\0' .. instance_id .. '\0' .. seen
  version = append(log, log_max_entries, now_us, transition)
end

local text = encode_header(online, version, last_seen_ms) .. others .. '\n' .. device_id .. '\t' .. buried
if online then redis.call('SET', record, text) else redis.call('SET', record, text, 'PX', retention_ms) end
drop_deadline(deadlines, user_id, device_id, others, mark, session_id)
if transition then
  redis.call('HINCRBY', meta, 'online', '-1')
  redis.call('SPUBLISH', live, version .. '\0' .. transition)
end
