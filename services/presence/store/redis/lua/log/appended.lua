-- What this call adds to the log of the shard, and else has to tell.
--
-- Gives: appended_version, appended, online_change, besides

-- Version of the last entry that this call appended, 0 if none.
local appended_version = 0
-- What it appended: version and transition in turn; and by how much it changed the number of users online.
local appended, online_change = {}, 0
-- What few calls have is in one table, since each local that a function mentions costs every call. Absent where there is none:
--   trace     traceparent of the change that is decided about
--   traces    of what was appended, each behind its version
--   leased    by how much the number of sessions under leases changed
--   devices   users whose devices changed without a transition: another device keeps them online
--   notices   what processes are told that hold leases (domain/lease-notice.ts): kind, lease, user, device, session_id, joined by NUL
local besides = {}
