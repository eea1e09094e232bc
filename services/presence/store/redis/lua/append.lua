-- Causes, by their number in the contract's TransitionCause.
local CONNECTED, DISCONNECTED, LOGGED_OUT, CONNECTION_LOST, TIMED_OUT = '1', '2', '3', '4', '5'

--- Appends a transition to the log; its entry's id is the version, as `ms-us` (domain/version.ts). Goes before every
-- other write: one that Redis refuses must leave nothing half done. Needs log-state.lua.
-- @param transition user, online, cause, device, instance, last seen in ms, each followed by NUL but the last
-- @return the version as text
local function append(log, max_entries, now_us, transition)
  local now_ms = math.floor(now_us / 1000)
  local id = string.format('%d-%d', now_ms, now_us - now_ms * 1000)
  local added = redis.pcall('XADD', log, 'MAXLEN', '~', max_entries, id, 'e', transition)
  if type(added) ~= 'table' then return string.format('%d', now_us) end
  if not string.find(added.err, 'equal or smaller', 1, true) then error(added) end
  return append(log, max_entries, read_log_state(log) + 1, transition)
end
