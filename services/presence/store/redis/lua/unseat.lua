-- Takes the current session of a device down. The last one takes the user offline.
--
-- Needs the keys, record, moment.lua, log.lua, device.lua; ending, the mark of its tombstone; cause; seen_ms, when it
-- gave its last sign of life (0: the record knows).

-- #include bury
if last_seen_ms == '' or tonumber(last_seen_ms) < seen_ms then last_seen_ms = string.format('%d', seen_ms) end
local rest = ' ' .. last_seen_ms .. others .. '\n' .. device_id .. '\t' .. tombstones
if others ~= '' and string.find(others, ONLINE_LINE) then
  redis.call('SET', record, version .. rest)
else
  version =
    append(user_id .. '\0000\0' .. cause .. '\0' .. device_id .. '\0' .. current_instance .. '\0' .. last_seen_ms)
  redis.call('SET', record, '-' .. version .. rest, 'PX', RULES.retention_ms)
  online_change = online_change - 1
end
-- #include drop-deadline
