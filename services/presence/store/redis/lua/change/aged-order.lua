-- What the order clock read when the client was there, after orderClockAt in domain/order-clock.ts.
--
-- age_us: how long ago that was.
--
-- Needs: meta, age_us, now_us, order_ahead_us, order_level_us
-- Changes: order

local there_us = now_us - age_us
local jumped_us = tonumber(redis.call('HGET', meta, 'order_jumped')) or 0
local jump_us = there_us < jumped_us and 0 or math.max(0, math.floor((order_level_us - there_us) / 2))
order = math.max(1, there_us + order_ahead_us + jump_us)
