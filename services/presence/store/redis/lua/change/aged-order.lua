-- What the order clock read when the client was there, after orderClockAt in domain/order-clock.ts.
--
-- age_us: how long ago that was.
--
-- Needs: shard_prefix, age_us, now_us
-- Changes: order

local there_us = now_us - age_us
local meta_key = shard_prefix .. 'meta'
local ahead, jumped, level = unpack(redis.call('HMGET', meta_key, 'order_ahead', 'order_jumped', 'order_level'))
local is_before_jump = there_us < (tonumber(jumped) or 0)
local jump_us = is_before_jump and 0 or math.max(0, math.floor(((tonumber(level) or 0) - there_us) / 2))
order = math.max(1, there_us + (tonumber(ahead) or 0) + jump_us)
