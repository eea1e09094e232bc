-- What this call adds to the log of the shard; its first entry trims it.
--
-- Needs: digits_of, now_us, log
-- Gives: appended_version, appended, online_change, leased_change, of_other_devices, notices, entry_id_of, append

-- Version of the last entry that this call appended, 0 if none.
local appended_version = 0
-- What it appended: version and transition in turn; and by how much it changed the number of users online.
local appended, online_change = {}, 0
-- By how much it changed the number of sessions under leases.
local leased_change = 0
-- Users whose devices changed without a transition: another device keeps them online.
local of_other_devices = {}
-- What processes are told that hold leases (domain/lease-notice.ts): kind, lease, user, device, session_id, joined by NUL.
local notices = {}

--- Redis takes the zeros in front of the µs.
local function entry_id_of(version)
  local text = digits_of(version)
  return string.sub(text, 1, -4) .. '-' .. string.sub(text, -3)
end

--- Appends a transition. Its entry's id is its version, as `ms-us` (domain/version.ts). Goes before every other write:
-- one that Redis refuses must leave nothing half done.
-- @param transition user, online, cause, device, instance, last seen in ms, each but the last followed by NUL
-- @return version, as text
local function append(transition)
  local version = now_us > appended_version and now_us or appended_version + 1
  if appended_version > 0 then
    redis.call('XADD', log, entry_id_of(version), 'e', transition)
  else
    local reply = redis.pcall('XADD', log, 'MAXLEN', '~', RULES.log_max_entries, entry_id_of(version), 'e', transition)
    if type(reply) == 'table' then
      if not string.find(reply.err, 'equal or smaller', 1, true) then error(reply) end
      -- #include log/state
      version = last_version + 1
      redis.call('XADD', log, entry_id_of(version), 'e', transition)
    end
  end
  appended_version = version
  appended[#appended + 1] = digits_of(version)
  appended[#appended + 1] = transition
  return digits_of(version)
end
