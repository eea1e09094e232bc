#!lua flags=allow-oom
--[[ Closes a gateway's lease in one shard, after closeLease in domain/lease.ts. Allowed when Redis is out of memory: it frees
some.
KEYS[1] meta       hash
KEYS[2] deadlines  zset     see open.lua
KEYS[3] leases     zset     see open.lua
ARGV[1] lease      id
ARGV[2] graceMs    integer  its sessions go so long after now
Returns integer    1 when it was open or lost ]]

local meta, deadlines, leases = KEYS[1], KEYS[2], KEYS[3]
local lease_id, grace_ms = ARGV[1], tonumber(ARGV[2])

-- #include tick/moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include digits
local opened, lost = '\0' .. lease_id, '\0\0' .. lease_id
local from_ms = redis.call('ZSCORE', deadlines, opened) and digits_of(clock_ms + grace_ms) or
  redis.call('ZSCORE', deadlines, lost)
if not from_ms then return 0 end
redis.call('ZADD', deadlines, from_ms, '\0\0\0' .. lease_id)
redis.call('ZREM', deadlines, opened, lost)
redis.call('ZADD', leases, 0, lease_id)
return 1
