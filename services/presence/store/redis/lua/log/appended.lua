-- What this call adds to the log of the shard, and else has to tell.
--
-- Gives: appended_version, appended, trace, traces, online_change, leased_change, of_other_devices, notices

-- Version of the last entry that this call appended, 0 if none.
local appended_version = 0
-- What it appended: version and transition in turn; and by how much it changed the number of users online.
local appended, online_change = {}, 0
-- Of the change that is decided about: the field of its entries that names its trace, empty where it has none; and the traces of
-- what was appended, each behind its version.
local trace, traces = {}, {}
-- By how much it changed the number of sessions under leases.
local leased_change = 0
-- Users whose devices changed without a transition: another device keeps them online.
local of_other_devices = {}
-- What processes are told that hold leases (domain/lease-notice.ts): kind, lease, user, device, session_id, joined by NUL.
local notices = {}
