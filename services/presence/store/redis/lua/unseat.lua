-- Takes the current session of a device down. The last one takes the user offline.
--
-- Needs the keys, moment.lua, device.lua; user_id; ending, the mark of its tombstone; cause; seen_ms, when it gave its
-- last sign of life (0: the record knows).

-- #include bury
local line = '\n' .. device_id .. '\t' .. tombstones
local version, last_seen_ms = string.match(header, '^(%d+) ?(%d*)$')
if last_seen_ms == '' or tonumber(last_seen_ms) < seen_ms then last_seen_ms = string.format('%d', seen_ms) end
if others ~= '' and string.find(others, ONLINE_LINE) then
  redis.call('SET', record, version .. ' ' .. last_seen_ms .. others .. line)
  -- #include drop-deadline
else
  local transition =
    user_id .. '\0000\0' .. cause .. '\0' .. device_id .. '\0' .. current_instance .. '\0' .. last_seen_ms
  -- #include append
  redis.call('SET', record, '-' .. version .. ' ' .. last_seen_ms .. others .. line, 'PX', RULES.retention_ms)
  -- #include drop-deadline
  redis.call('HINCRBY', meta, 'online', '-1')
  redis.call('SPUBLISH', live, version .. '\0' .. transition)
end
