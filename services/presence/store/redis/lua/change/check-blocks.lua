-- Answers if an operator closed the user, the device or the connection, before anything is written: after refusalBy in
-- domain/block.ts. Where nothing of the shard is blocked, it asks nothing.
--
-- connection_id: '' for a caller without tokens.
--
-- Needs: clock_ms, blocks_end_ms, shard_prefix, user_id, device_id, connection_id, digits_of
--
-- Returns "closed", HT, how long the block lasts in ms ('': for good), HT, the reason; or nothing.

if clock_ms < blocks_end_ms then
  local device = user_id .. '\0' .. device_id
  local found = redis.call('HMGET', shard_prefix .. 'blocks', user_id, device, device .. '\0' .. connection_id)
  for specificity, block in ipairs(found) do
    local until_ms, why = string.match(block or '', '^(%d+) (.*)$')
    if until_ms and tonumber(until_ms) > clock_ms then
      return 'closed\t' .. (specificity < 3 and digits_of(until_ms - clock_ms) or '') .. '\t' .. why
    end
  end
end
