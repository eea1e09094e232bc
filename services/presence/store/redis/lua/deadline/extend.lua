-- Extends the deadline of the device's live session where it is; under another lease than its own, if lease_id names one,
-- it is moved there, and the record says so.
--
-- Needs: deadlines, user_id, current_id, current_lease, lease_id, clock_ms, digits_of, shard_prefix, record, version,
--   last_seen_ms, others, device_id, current_instance, own_activity, tombstones, besides

local member = user_id .. '\0' .. current_id
-- GT: a heartbeat that overtook this one keeps its later deadline.
if lease_id == '' and current_lease == '' then
  redis.call('ZADD', deadlines, 'GT', digits_of(clock_ms + RULES.ttl_ms), member)
else
  local new_lease = lease_id == '' and current_lease or lease_id
  local until_ms = digits_of(clock_ms + RULES.leased_ttl_ms)
  if new_lease ~= current_lease then
    local space = last_seen_ms == '' and '' or ' '
    local tab = tombstones == '' and '' or '\t'
    local its_activity = own_activity == '' and '' or '\31' .. own_activity
    redis.call('SET', record, version .. space .. last_seen_ms .. others .. '\n' .. device_id .. '\t' ..
      current_id .. '\31' .. current_instance .. '\31\31' .. new_lease .. its_activity .. tab .. tombstones)
  end
  local added = redis.call('ZADD', shard_prefix .. 'lease:' .. new_lease, 'GT', until_ms, member)
  besides.leased = (besides.leased or 0) + added
  if new_lease ~= current_lease then
    -- #include deadline/drop-deadline
  end
end
