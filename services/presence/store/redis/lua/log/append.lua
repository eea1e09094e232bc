-- Appends a transition. Its entry's id is its version, as `ms-us` (domain/version.ts). Goes before every other write: one
-- that Redis refuses must leave nothing half done. The first one of a call trims the log.
--
-- transition: user, online, cause, device, instance, last seen in ms, each but the last followed by NUL; unless it is the
-- plain one (domain/status.ts), behind that the status: availability, text, emoji, until, idle since, US in front of each.
-- new_version: of the entry, as text.
--
-- Needs: transition, now_us, log, appended, digits_of, besides
-- Gives: new_version
-- Changes: appended_version

local version_us = now_us > appended_version and now_us or appended_version + 1
local new_version = digits_of(version_us)
-- Redis takes the zeros in front of the µs.
local entry_id = string.sub(new_version, 1, -4) .. '-' .. string.sub(new_version, -3)
local trace = besides.trace
if appended_version > 0 then
  -- #include log/add-entry
else
  local most = RULES.log_max_entries
  local reply = trace and redis.pcall('XADD', log, 'MAXLEN', '~', most, entry_id, 'e', transition, 't', trace) or
    redis.pcall('XADD', log, 'MAXLEN', '~', most, entry_id, 'e', transition)
  if type(reply) == 'table' then
    if not string.find(reply.err, 'equal or smaller', 1, true) then error(reply) end
    -- #include log/state
    version_us = last_version + 1
    new_version = digits_of(version_us)
    entry_id = string.sub(new_version, 1, -4) .. '-' .. string.sub(new_version, -3)
    -- #include log/add-entry
  end
end
appended_version = version_us
appended[#appended + 1] = new_version
appended[#appended + 1] = transition
if trace then
  local traces = besides.traces or {}
  traces[#traces + 1] = new_version
  traces[#traces + 1] = trace
  besides.traces = traces
end
