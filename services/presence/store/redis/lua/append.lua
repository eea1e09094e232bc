-- Appends a transition to the log; its entry's id is the version, as `ms-us` (domain/version.ts). Goes before every
-- other write: one that Redis refuses must leave nothing half done.
--
-- Needs log, moment.lua; transition: user, online, cause, device, instance, last seen in ms, each but
-- the last followed by NUL. Gives version, as text.

local entry_id = string.format('%d-%d', now_ms, now_us - now_ms * 1000)
version = string.format('%d', now_us)
local added = redis.pcall('XADD', log, 'MAXLEN', '~', RULES.log_max_entries, entry_id, 'e', transition)
if type(added) == 'table' then
  if not string.find(added.err, 'equal or smaller', 1, true) then error(added) end
  -- #include log-state
  local next_version = last_version + 1
  local next_ms = math.floor(next_version / 1000)
  entry_id = string.format('%d-%d', next_ms, next_version - next_ms * 1000)
  version = string.format('%d', next_version)
  redis.call('XADD', log, 'MAXLEN', '~', RULES.log_max_entries, entry_id, 'e', transition)
end
