-- When the decision is taken: Redis TIME, the shard clock (domain/shard-clock.ts) and the clock that orders are read from
-- (domain/order-clock.ts), each read once.
--
-- Needs: meta
-- Gives: now_us, now_ms, order_us, order_ahead_us, order_level_us, clock, clock_ms, begin_us, begin_clock_ms,
--   begin_contested_until_ms, recovering_until_ms, blocks_end_ms

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)
local clock, ticked, begin, begin_clock, blocks_end, order_ahead, order_level = unpack(
  redis.call('HMGET', meta, 'clock', 'ticked', 'begin', 'begin_clock', 'blocks_end', 'order_ahead', 'order_level')
)

-- The clock ticks only while presence is able to listen: it never runs on for more than the cap after a tick.
-- nil: it never ticked, and only a tick may start it.
local clock_ms = clock and clock + math.min(math.max(0, now_ms - ticked), RULES.clock_cap_ms)
local begin_us = tonumber(begin) or 0
local order_ahead_us, order_level_us = tonumber(order_ahead) or 0, tonumber(order_level) or 0
local order_us = now_us + order_ahead_us + math.max(0, math.floor((order_level_us - now_us) / 2))
-- After a begin (domain/recovery.ts): when it was; until when late calls may mean sessions that were lost; and until
-- when sessions may live that are not back yet.
local begin_clock_ms = tonumber(begin_clock) or 0
local begin_contested_until_ms = begin_clock and begin_clock_ms + RULES.memory_ms or 0
local recovering_until_ms = begin_clock and begin_clock_ms + RULES.ttl_ms or 0
-- When the last block is over (domain/block.ts); 0: there is none.
local blocks_end_ms = tonumber(blocks_end) or 0
