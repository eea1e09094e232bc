-- Ends a session or leaves it in grace, after decideUnregister in domain/change/unregister.ts.
--
-- session_id: '' for a caller without tokens.
-- reason: DisconnectReason; or FORCED, by an operator.
--
-- Needs: mark, session_id, current_id, contested_until_ms, clock_ms, begin_clock_ms, reason, GRACE, deadlines, user_id,
--   version, last_seen_ms, now_ms, text, sessions_from, sessions_to, record, others, device_id, ONLINE_LINE,
--   ENDED, current_lease, shard_prefix, current_instance, own_activity, tombstones, CAUSE_CONNECTION_LOST,
--   CAUSE_LOGGED_OUT, CAUSE_DISCONNECTED, CAUSE_FORCED
--
-- Returns "ended", "grace", "absent", "fenced" or "contested".

if not mark then return 'absent' end
if session_id == '' then
  if string.find(current_id, '.', 1, true) then return 'fenced' end
  if clock_ms < begin_clock_ms + RULES.memory_ms then return 'contested' end
  if contested_until_ms ~= '' and tonumber(contested_until_ms) > clock_ms then return 'contested' end
elseif session_id ~= current_id then
  return 'fenced'
end

local is_lost = reason == 'CONNECTION_LOST' or reason == 'SERVER_DRAIN'
if is_lost and mark == GRACE then return 'absent' end
-- Another device of the user may not be back yet: while the shard recovers, nobody goes offline.
local recovering_until_ms = begin_clock_ms + RULES.ttl_ms
local is_kept = clock_ms < recovering_until_ms and not string.find(others, ONLINE_LINE)
if is_kept and mark == GRACE then
  redis.call('ZADD', deadlines, 'GT', recovering_until_ms, user_id .. '\0\0' .. device_id)
  return 'grace'
end
if is_kept or is_lost and RULES.grace_ms > 0 then
  local until_ms = clock_ms + (is_lost and RULES.grace_ms or 0)
  local its_deadlines = current_lease == '' and deadlines or shard_prefix .. 'lease:' .. current_lease
  local deadline_ms = redis.call('ZSCORE', its_deadlines, user_id .. '\0' .. current_id)
  if deadline_ms then until_ms = math.min(until_ms, deadline_ms) end
  if is_kept then until_ms = math.max(until_ms, recovering_until_ms) end
  local header = string.format('%s %d', version, math.max(tonumber(last_seen_ms) or 0, now_ms))
  local sessions = string.sub(text, sessions_from, sessions_to)
  if current_lease ~= '' then
    -- In grace it is under no lease any more.
    local tab = tombstones == '' and '' or '\t'
    local its_activity = own_activity == '' and '' or '\31\31\31' .. own_activity
    sessions = current_id .. '\31' .. current_instance .. its_activity .. tab .. tombstones
  end
  redis.call('SET', record, header .. others .. '\n' .. device_id .. '\t' .. GRACE .. sessions)
  -- In this order: see set-current.lua.
  redis.call('ZADD', deadlines, until_ms, user_id .. '\0\0' .. device_id)
  -- #include deadline/drop-deadline
  if string.find(others, ONLINE_LINE) then
    -- #include log/tell-devices
  end
  return 'grace'
end

local ending = ENDED
local cause = is_lost and CAUSE_CONNECTION_LOST or reason == 'LOGGED_OUT' and CAUSE_LOGGED_OUT or
  reason == 'FORCED' and CAUSE_FORCED or CAUSE_DISCONNECTED
local seen_ms = mark == GRACE and 0 or now_ms
-- #include record/clear-current
return 'ended'
