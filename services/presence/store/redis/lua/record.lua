-- A user's record, as the STRING keeps it (domain/session.ts). Ids hold no control characters, so these separate:
--
--   record     = header *( LF device_id HT sessions )
--   header     = [ "-" ] version [ SP last_seen_ms ]          the minus says offline
--   sessions   = ( current / tombstone ) *( HT tombstone )    tombstones newest first
--   current    = [ "g" ] session [ US contested_until_ms ]    g: in grace
--   tombstone  = ( "e" / "r" / "x" ) session US ended_at_ms   ended, replaced, expired
--   session    = session_id US instance_id
--   session_id = order [ "." connection_id ]
--
-- Records are cut and joined as text and never turned into tables, and what scripts share are pieces of text rather
-- than functions: what a script leaves to Lua's garbage collector, which every function is that it defines, costs Redis
-- more than the commands that it calls. Numbers are written with %d, which is exact where a C long has 64 bits, in half
-- the time of %.0f.

local GRACE, ENDED, REPLACED, EXPIRED = 'g', 'e', 'r', 'x'
-- Captures mark, session_id, order, connection_id, instance_id, contested_until_ms; matches only a current session.
local CURRENT = '^(g?)((%d+)%.?([^\31]*))\31([^\31\t]*)\31?(%d*)'
-- Captures mark, session_id, order, connection_id, instance_id, ended_at_ms.
local TOMBSTONE = '([erx])((%d+)%.?([^\31]*))\31([^\31]*)\31(%d+)'
-- The line of a device that has a session, live or in grace.
local ONLINE_LINE = '\n[^\t]+\t[%dg]'
