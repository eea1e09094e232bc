#!lua flags=allow-oom
--[[ Opens a gateway's lease in one shard, or again what is missing or lost, and extends what is open, after openLease in
domain/lease.ts. What a lost one's sessions are left lives on. Allowed when Redis is out of memory: it takes little, and without
it those who live fall due (P1).
KEYS[1] meta       hash
KEYS[2] deadlines  zset     NUL, lease: open, its deadline; two NUL: lost, and when; three NUL: closed, and from when on
KEYS[3] leases     zset     lease → when a tick looks through its sessions; 0: it is lost or closed
KEYS[4] holders    hash     lease → instance, US, when it was opened first in ms since 1970
ARGV[1] lease      id
ARGV[2] instance   id
ARGV[3] schema     integer  of a shard with leases: nodes that know none refuse it from now on
ARGV[4] untilUs    integer  Redis time; when it is over nothing is changed: see domain/late-change.ts
ARGV[5] untilMs    integer  shard clock; the same
Returns text       "open" or "closed" ]]

local meta, deadlines, leases, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lease_id, instance_id, schema, late_after_us, late_after_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- #include tick/moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include tick/in-time
-- #include digits
if redis.call('ZSCORE', deadlines, '\0\0\0' .. lease_id) then return 'closed' end
if (tonumber(redis.call('HGET', meta, 'schema')) or 0) < tonumber(schema) then redis.call('HSET', meta, 'schema', schema) end
local holder = redis.call('HGET', holders, lease_id)
local opened_ms = holder and string.match(holder, '\31(%d+)$') or digits_of(now_ms)
redis.call('HSET', holders, lease_id, instance_id .. '\31' .. opened_ms)
if not redis.call('ZSCORE', deadlines, '\0' .. lease_id) then redis.call('ZADD', leases, digits_of(clock_ms), lease_id) end
redis.call('ZADD', deadlines, 'GT', digits_of(clock_ms + RULES.lease_ttl_ms), '\0' .. lease_id)
redis.call('ZREM', deadlines, '\0\0' .. lease_id)
return 'open'
