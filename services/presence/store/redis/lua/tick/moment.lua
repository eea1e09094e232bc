-- When the decision is taken: what the clocks of the shard read now.
--
-- Needs: meta

local clock, ticked, begin, begin_clock, blocks_end, order_ahead, order_level = unpack(
  redis.call('HMGET', meta, 'clock', 'ticked', 'begin', 'begin_clock', 'blocks_end', 'order_ahead', 'order_level')
)
-- #include tick/clocks
