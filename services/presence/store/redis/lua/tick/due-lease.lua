-- A lease that is due: an open one is lost from now on; of a lost or closed one sessions go, in the order of their own
-- deadlines, and at last it itself. While slots migrate, leases and holders may be elsewhere: a look there finds it.
--
-- Needs: member, deadline_ms, deadlines, leases, shard_prefix, limit, deal_with
-- Changes: spent

local zeros, lease_id = string.match(member, '^(%z+)(%Z+)$')
if zeros == '\0' then
  redis.call('ZADD', deadlines, deadline_ms, '\0\0' .. lease_id)
  redis.call('ZREM', deadlines, member)
  redis.pcall('ZADD', leases, 0, lease_id)
  spent = spent + 1
end
if not lease_id then
  redis.call('ZREM', deadlines, member)
  spent = spent + 1
elseif spent < limit then
  local lease_key = shard_prefix .. 'lease:' .. lease_id
  -- While its slot migrates, it may have gone ahead: its sessions go where it is.
  local page = redis.pcall('ZRANGE', lease_key, 0, limit - spent - 1)
  for _, its_member in ipairs(page) do
    deal_with(lease_key, its_member, deadline_ms, lease_id, zeros == '\0\0\0' and 'closed' or 'lost')
  end
  if spent < limit and redis.pcall('EXISTS', lease_key) == 0 then
    redis.call('ZREM', deadlines, '\0\0' .. lease_id, '\0\0\0' .. lease_id)
    redis.pcall('ZREM', leases, lease_id)
    redis.pcall('HDEL', shard_prefix .. 'leases:holders', lease_id)
    spent = spent + 1
  end
end
