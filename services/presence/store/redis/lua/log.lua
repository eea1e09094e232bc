-- The shard's log: the id of an entry is the version, as `ms-us` (domain/version.ts).
-- Needs log; now_us and log_max_entries for appending.

-- Causes, by their number in the contract's TransitionCause.
local CONNECTED, DISCONNECTED, LOGGED_OUT, CONNECTION_LOST, TIMED_OUT = '1', '2', '3', '4', '5'

--- As an id of a stream.
local function stream_id(version)
  return string.format('%d-%d', math.floor(version / 1000), version % 1000)
end

--- Version of the last entry, which a stream remembers even when it was trimmed empty, 0 if there never was one; and
-- how many entries there are.
local function read_log_state()
  local info = redis.pcall('XINFO', 'STREAM', log)
  if info.err then
    if string.find(info.err, 'no such key', 1, true) then return 0, 0 end
    error(info)
  end
  local version, length
  for index = 1, #info, 2 do
    if info[index] == 'length' then length = info[index + 1] end
    if info[index] == 'last-generated-id' then
      local ms, us = string.match(info[index + 1], '^(%d+)-(%d+)$')
      version = ms * 1000 + us
    end
  end
  return version, length
end

--- Appends a transition. Goes before every other write: one that Redis refuses must leave nothing half done.
-- @return its version as text, and the announcement for the shard's live channel
local function append(user_id, online, cause, device_id, instance_id, last_seen_ms)
  local seen = string.format('%d', last_seen_ms)
  local entry = user_id .. '\0' .. online .. '\0' .. cause .. '\0' .. device_id .. '\0' .. instance_id .. '\0' .. seen
  local version = now_us
  local added = redis.pcall('XADD', log, 'MAXLEN', '~', log_max_entries, stream_id(version), 'e', entry)
  if type(added) == 'table' then
    if not string.find(added.err, 'equal or smaller', 1, true) then error(added) end
    version = read_log_state() + 1
    redis.call('XADD', log, 'MAXLEN', '~', log_max_entries, stream_id(version), 'e', entry)
  end
  local text = string.format('%d', version)
  return text, text .. '\0' .. entry
end
