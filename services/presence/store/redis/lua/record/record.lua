-- A user's record, as the STRING keeps it (domain/session.ts). Ids hold no control characters, so these separate:
--
--   record     = header *( LF device_id HT sessions )
--   header     = [ "-" ] version [ SP last_seen_ms ] [ status ]          the minus says offline
--   status     = RS [ book ]                                  there is one if the user has a book, or an idle session
--   book       = availability US text US emoji US [ until_ms ] US minute_from_ms US minute_count *( RS claim )
--   claim      = ( "c" / "x" ) claim_id US availability US text US emoji US ends_ms US set_ms     claimed, cleared
--   sessions   = ( current / tombstone ) *( HT tombstone )    tombstones newest first
--   current    = [ "g" ] session [ US [ contested_until_ms ] [ US [ lease_id ] [ US activity ] ] ]    g: in grace
--   activity   = sequence SP [ idle_since_ms ]                 absent: it never said anything
--   tombstone  = ( "e" / "r" / "x" ) session US ended_at_ms   ended, replaced, expired
--   session    = session_id US instance_id
--   session_id = order [ "." connection_id ]
--
-- An example. The phone has a session whose predecessor it replaced; the tablet's was lost, is in grace, and has no
-- connection_id; the laptop's expired; the car's is under a lease:
--
--   "1790000000000001 1789999999999" LF
--   "phone" HT "1790000000000002.c2" US "gateway-1" HT "r1789999999000000.c1" US "gateway-2" US "100" LF
--   "tablet" HT "g1790000000500000" US "gateway-1" US "130000" LF
--   "laptop" HT "x1790000000000001.c1" US "gateway-2" US "5000" LF
--   "car" HT "1790000000700000.c7" US "gateway-1" US US "lease-1"
--
-- What a book says first is what follows from its claims. Whoever has no status part pays nothing for it: scripts look for it
-- where they would find a fault.
--
-- Records are cut and joined as text and never turned into tables, and what scripts share are pieces of text rather
-- than functions: each call makes all functions anew, at a price for each outer local that a function mentions. As few
-- strings as possible are made on the way, for Redis' Lua hashes each from end to end, a nanosecond a byte. Numbers are
-- written with %d, which is exact where a C long has 64 bits, in half the time of %.0f.
--
-- Gives: GRACE, ENDED, REPLACED, EXPIRED, HEADER, MAX_VERSION, TOMBSTONE, SESSION_ID, ONLINE_LINE

local GRACE, ENDED, REPLACED, EXPIRED = 'g', 'e', 'r', 'x'
-- Captures minus, version, last_seen_ms.
local HEADER = '^(-?)(%d+) ?(%d*)'
-- Versions are exact in all languages.
local MAX_VERSION = 9007199254740991
-- Captures mark, order, connection_id, instance_id, ended_at_ms.
local TOMBSTONE = '([erx])(%d+)%.?([^\31]*)\31([^\31]*)\31(%d+)'
-- Captures order, connection_id.
local SESSION_ID = '^(%d+)%.?(.*)$'
-- The line of a device that has a session, live or in grace.
local ONLINE_LINE = '\n[^\t]+\t[%dg]'
