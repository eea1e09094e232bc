-- The shard's log: the id of an entry is the version, as `ms-us` (domain/version.ts).

-- Causes, by their number in the contract's TransitionCause.
local CONNECTED, DISCONNECTED, LOGGED_OUT, CONNECTION_LOST, TIMED_OUT = '1', '2', '3', '4', '5'

local function stream_id(version)
  local ms = math.floor(version / 1000)
  return string.format('%.0f-%.0f', ms, version - ms * 1000)
end

--- Version of the last entry, which a stream remembers even when it was trimmed empty, 0 if there never was one; and
-- how many entries there are.
local function last_version(log_key)
  local info = redis.pcall('XINFO', 'STREAM', log_key)
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
-- @return the version as text, and the announcement for the shard's live channel
local function append(shard, moment, transition)
  local entry = table.concat({
    transition.user_id,
    transition.online and '1' or '0',
    transition.cause,
    transition.device_id,
    transition.instance_id,
    string.format('%.0f', transition.last_seen_ms),
  }, '\0')
  local version = moment.now_us
  local added = redis.pcall('XADD', shard.log, 'MAXLEN', '~', shard.log_max, stream_id(version), 'e', entry)
  if type(added) == 'table' then
    if not string.find(added.err, 'equal or smaller', 1, true) then error(added) end
    version = last_version(shard.log) + 1
    redis.call('XADD', shard.log, 'MAXLEN', '~', shard.log_max, stream_id(version), 'e', entry)
  end
  local text = string.format('%.0f', version)
  return text, text .. '\0' .. entry
end
