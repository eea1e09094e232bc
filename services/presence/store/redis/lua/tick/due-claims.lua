-- Ends claims whose time of day has come, by Redis' clock, with what sessions left of the limit (domain/claims.ts). While their
-- slot migrates they may be elsewhere already, and end there.
--
-- Needs: meta, its_schema, shard_prefix, is_advancing, spent, limit, recovering_ms, now_ms, record_prefix, digits_of, failed
-- Gives: claimed_count
-- Changes: spent

local claim_times = shard_prefix .. 'claims'
local claimed_count = redis.pcall('ZCARD', claim_times)
if type(claimed_count) ~= 'number' then claimed_count = 0 end
-- Nodes of before, which cannot read such records, refuse the shard from now on.
if claimed_count > 0 and its_schema ~= RULES.status_schema then
  redis.call('HSET', meta, 'schema', RULES.status_schema)
end
if claimed_count > 0 and is_advancing and spent < limit and recovering_ms == 0 then
  local function end_claims(user_id)
    -- #include record/record
    -- #include log/causes
    local record, device_id = record_prefix .. user_id, ''
    -- #include record/fetch
    if not text then return redis.call('ZREM', claim_times, user_id) end
    -- #include record/device
    -- #include status/said
    -- #include status/status-of
    -- #include status/read-book
    for _, list in ipairs({ claims, cleared }) do
      for index = #list, 1, -1 do
        if list[index].ends_ms <= now_ms then table.remove(list, index) end
      end
    end
    -- #include status/write-book
  end

  local users = redis.pcall('ZRANGEBYSCORE', claim_times, '-inf', now_ms, 'LIMIT', 0, limit - spent)
  for _, user_id in ipairs(users) do
    local is_decided, answer = pcall(end_claims, user_id)
    if is_decided or not string.find(answer, 'non local key', 1, true) then spent = spent + 1 end
    if not is_decided then
      -- #include record/mark-unreadable
      failed[#failed + 1] = user_id
      failed[#failed + 1] = answer
      redis.pcall('ZADD', claim_times, digits_of(now_ms + RULES.ttl_ms), user_id)
    end
  end
  claimed_count = redis.call('EXISTS', claim_times) == 1 and redis.call('ZCARD', claim_times) or 0
end
