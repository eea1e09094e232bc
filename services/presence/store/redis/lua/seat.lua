-- Makes a session the device's current one, with a deadline a TTL from now. The first one brings the user online.
--
-- Needs the keys, moment.lua, device.lua; user_id; session_id, instance_id, contested_until_ms (0: it is not) of the
-- new session. Gives version, the user's, as text.

if mark and current_id ~= session_id then
  local ending = mark == GRACE and ENDED or REPLACED
  -- #include bury
end
local line = '\n' .. device_id .. '\t' .. session_id .. '\31' .. instance_id
if contested_until_ms > 0 then line = string.format('%s\31%d', line, contested_until_ms) end
if tombstones ~= '' then line = line .. '\t' .. tombstones end

local offline, version, last_seen = '-', nil, ''
if header then offline, version, last_seen = string.match(header, '^(-?)(%d+)(.*)$') end
local transition
if offline ~= '' then
  transition = user_id .. '\0001\0' .. CONNECTED .. '\0' .. device_id .. '\0' .. instance_id .. '\0000'
  -- #include append
end

redis.call('SET', record, version .. last_seen .. others .. line)
if mark then
  -- #include drop-deadline
end
redis.call('ZADD', deadlines, string.format('%d', clock_ms + RULES.ttl_ms), user_id .. '\0' .. session_id)
if transition then
  redis.call('HINCRBY', meta, 'online', '1')
  redis.call('SPUBLISH', live, version .. '\0' .. transition)
end
