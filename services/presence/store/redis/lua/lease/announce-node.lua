#!lua flags=allow-oom
--[[ Says that a node lives, and forgets those that no longer say so.
KEYS[1] nodes    zset     node → until when it counts as alive, Redis time in ms
ARGV[1] node     id
ARGV[2] ttlMs    integer
Returns integer  how many nodes live ]]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms)
redis.call('ZADD', KEYS[1], now_ms + ARGV[2], ARGV[1])
return redis.call('ZCARD', KEYS[1])
