-- Drops blocks that are over (domain/block.ts), some a tick. While their slot migrates they may be elsewhere already, and go there.
--
-- Needs: meta, clock_ms, blocks_end_ms, shard_prefix
-- Gives: block_count

local block_count = 0
if blocks_end_ms > 0 then
  local blocks, block_ends = shard_prefix .. 'blocks', shard_prefix .. 'blocks:ends'
  local over = redis.pcall('ZRANGEBYSCORE', block_ends, '-inf', clock_ms, 'LIMIT', 0, RULES.blocks_per_tick)
  if over[1] then
    -- In this order: a block without an end would stay.
    if type(redis.pcall('HDEL', blocks, unpack(over))) == 'number' then redis.pcall('ZREM', block_ends, unpack(over)) end
  elseif clock_ms >= blocks_end_ms and not over.err then
    redis.call('HDEL', meta, 'blocks_end')
  end
  block_count = redis.pcall('ZCARD', block_ends)
  if type(block_count) ~= 'number' then block_count = 0 end
end
