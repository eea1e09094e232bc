-- What the clocks of a shard read now: the shard clock (domain/shard-clock.ts) and the one that orders are read from
-- (domain/order-clock.ts).
--
-- clock, ticked, begin, begin_clock, blocks_end, order_ahead, order_level: fields of meta.
-- clock_ms: nil if it never ticked, and only a tick may start it.
--
-- Needs: clock, ticked, begin, begin_clock, blocks_end, order_ahead, order_level
-- Gives: now_us, now_ms, order_us, clock_ms, begin_us, begin_clock_ms, blocks_end_ms

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)
-- The clock ticks only while presence is able to listen: it never runs on for more than the cap after a tick.
local clock_ms = clock and clock + math.min(math.max(0, now_ms - ticked), RULES.clock_cap_ms)
local begin_us = tonumber(begin) or 0
local order_us = now_us + (order_ahead or 0) + math.max(0, math.floor(((order_level or 0) - now_us) / 2))
-- When the shard began anew (domain/recovery.ts): late calls may mean sessions that were lost for as long as the memory
-- after that, and for a TTL sessions may live that are not back yet.
local begin_clock_ms = tonumber(begin_clock) or -math.huge
-- When the last block is over (domain/block.ts); 0: there is none.
local blocks_end_ms = tonumber(blocks_end) or 0
