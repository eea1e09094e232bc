-- Answers unless the lease is open, before anything is written.
--
-- lease_id: not ''.
--
-- Needs: deadlines, lease_id, shard_prefix
--
-- Returns "lease-missing" or "lease-closed"; or nothing.

if not redis.call('ZSCORE', deadlines, '\0' .. lease_id) then
  return redis.call('ZSCORE', deadlines, '\0\0\0' .. lease_id) and 'lease-closed' or 'lease-missing'
end
-- While its slot migrates, Redis refuses to say so of one that went ahead, or cannot be made here any more.
redis.call('EXISTS', shard_prefix .. 'lease:' .. lease_id)
