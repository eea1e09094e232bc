#!lua flags=allow-oom
--[[ Begins a shard anew whose log ran over before it was published, so that all who are online are restated. It lost
nothing, so its incarnation and its publisher stay, and it recovers no longer than it did. Allowed when Redis is out of memory: it is one entry.
KEYS[1] meta     hash
KEYS[2] log      stream
ARGV[1] fence    integer  of the lease that the caller believes to hold
ARGV[2] live     channel  of this shard: hears of the log's new entries
Returns text     the new begin; nil when the fencing number is no longer the shard's ]]

local meta, log = KEYS[1], KEYS[2]
local live = ARGV[2]

if redis.call('HGET', meta, 'fence') ~= ARGV[1] then return false end
-- #include tick/moment
-- #include digits
-- #include log/appended
-- A mark names its own version, so that must be known before.
-- #include log/state
if now_us <= last_version then now_us = last_version + 1 end
local transition = '\0begin\0' .. digits_of(now_us)
-- #include log/append
redis.call('HSET', meta, 'begin', new_version)
-- #include log/announce
return new_version
