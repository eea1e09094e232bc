-- Answers a heartbeat that found no deadline under its session_id, or came without one, after decideHeartbeat and
-- decideRevive in domain/decisions.ts; the usual heartbeat never comes here (see refresh-queue.ts).
--
-- session_id: well-formed; '' for a caller without tokens.
--
-- Needs: mark, current_id, SESSION_ID, deadlines, digits_of, clock_ms, user_id, TOMBSTONE, EXPIRED
-- Changes: session_id, tombstones, contested_until_ms
--
-- Returns "missing", "superseded", or "refreshed", HT, the session_id that was.

-- #include change/returning
local is_live = mark == ''
if session_id ~= '' then
  if not is_live or current_id ~= session_id then
    local order, connection_id = string.match(session_id, SESSION_ID)
    local current_order = mark and tonumber(string.match(current_id, '^%d+'))
    local is_old = is_outranked(current_order, tombstones, tonumber(order), connection_id)
    return is_old and 'superseded' or 'missing'
  end
elseif is_live and string.find(current_id, '.', 1, true) then
  return 'superseded'
end
if is_live then
  -- GT: a heartbeat that overtook this one keeps its later deadline.
  redis.call('ZADD', deadlines, 'GT', digits_of(clock_ms + RULES.ttl_ms), user_id .. '\0' .. current_id)
  return 'refreshed\t' .. current_id
end

-- Its caller is alive and will never register again by itself: it ignores the answers to its heartbeats.
local last_ending, last_order, last_connection, instance_id = string.match(tombstones, '^' .. TOMBSTONE)
if mark or last_ending ~= EXPIRED or last_connection ~= '' then return 'missing' end
session_id = last_order
tombstones = without_tombstone_of(session_id, tombstones)
contested_until_ms = clock_ms + RULES.memory_ms
-- #include record/set-current
return 'refreshed\t' .. session_id
