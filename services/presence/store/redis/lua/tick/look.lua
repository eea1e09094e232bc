-- Looks into one or two leases in turn for sessions that nobody verified. Sessions whose lease is gone get one that is lost.
--
-- looks: leases whose sessions are to be looked through. One that was lost meanwhile is none of them.
--
-- Needs: looks, spent, limit, leases, clock_ms, deadlines, shard_prefix, deal_with, digits_of
-- Changes: spent

for _, lease_id in ipairs(looks) do
  local look_ms = redis.pcall('ZSCORE', leases, lease_id)
  if spent < limit and type(look_ms) == 'string' and tonumber(look_ms) > 0 then
    spent = spent + 1
    local lease_key = shard_prefix .. 'lease:' .. lease_id
    local is_there = redis.pcall('EXISTS', lease_key)
    if type(is_there) ~= 'number' then
      -- While its slot migrates, it went ahead.
      redis.call('ZADD', leases, digits_of(clock_ms + RULES.lease_ttl_ms), lease_id)
    elseif redis.call('ZSCORE', deadlines, '\0' .. lease_id) then
      local unverified =
        redis.call('ZRANGEBYSCORE', lease_key, '-inf', clock_ms, 'WITHSCORES', 'LIMIT', 0, limit - spent)
      for index = 1, #unverified, 2 do
        deal_with(lease_key, unverified[index], unverified[index + 1], lease_id, 'unverified')
      end
      local first = redis.pcall('ZRANGE', lease_key, 0, 0, 'WITHSCORES')
      redis.call('ZADD', leases, first[2] or digits_of(clock_ms + RULES.leased_ttl_ms), lease_id)
    elseif is_there == 1 then
      if not redis.call('ZSCORE', deadlines, '\0\0\0' .. lease_id) then
        redis.call('ZADD', deadlines, 'NX', digits_of(clock_ms), '\0\0' .. lease_id)
      end
      redis.call('ZADD', leases, 0, lease_id)
    else
      redis.call('ZREM', deadlines, '\0\0' .. lease_id, '\0\0\0' .. lease_id)
      redis.call('ZREM', leases, lease_id)
      redis.pcall('HDEL', shard_prefix .. 'leases:holders', lease_id)
    end
  end
end
