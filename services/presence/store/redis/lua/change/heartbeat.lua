-- Answers a heartbeat that found no deadline under its session_id, or came without one, after decideHeartbeat in
-- domain/change/heartbeat.ts; the usual heartbeat never comes here (see refresh-queue.ts).
--
-- session_id: well-formed; '' for a caller without tokens.
-- instance_id: the gateway that is taken for its sender where the record knows none.
-- lease_id: '', for a heartbeat leaves a session where it is; see "verify" in register.lua.
-- activity: what a session says of whether its device is used, see activity.lua; '': nothing.
--
-- Needs: activity, mark, current_id, SESSION_ID, digits_of, clock_ms, TOMBSTONE, EXPIRED, GRACE,
--   sessions_from, begin_clock_ms, current_instance, now_us, text, record
-- Changes: session_id, instance_id, tombstones, contested_until_ms
--
-- Returns "missing", "superseded", "closed" as check-blocks.lua says, or "refreshed"; to a caller without tokens also HT, the
-- session_id that was, HT, its instance.

local is_live = mark == ''
if session_id == '' and is_live and string.find(current_id, '.', 1, true) then return 'superseded' end
if is_live and (session_id == '' or session_id == current_id) then
  if activity ~= '' then
    -- #include status/activity
  end
  -- #include deadline/extend
  return session_id == '' and 'refreshed\t' .. current_id .. '\t' .. current_instance or 'refreshed'
end
-- #include change/returning
if session_id ~= '' then
  local order, connection_id = string.match(session_id, SESSION_ID)
  -- #include change/check-blocks
  local current_order, its_connection = nil, nil
  if mark then current_order, its_connection = string.match(current_id, SESSION_ID) end
  if its_connection == connection_id and connection_id ~= '' then current_order = nil end
  local is_old = is_outranked(tonumber(current_order), tombstones, tonumber(order), connection_id)
  return is_old and 'superseded' or 'missing'
end

-- Its caller is alive and will never register again by itself: it ignores the answers to its heartbeats. A registration
-- after what the record says may have been lost.
local is_unproven = clock_ms < begin_clock_ms + RULES.memory_ms
local is_known, is_gone = false, false
if mark == GRACE then
  is_gone = not is_unproven or string.find(current_id, '.', 1, true)
  session_id, instance_id, is_known = current_id, current_instance, true
elseif sessions_from then
  local last_ending, last_order, last_connection, last_instance, ended_at_ms = string.match(tombstones, '^' .. TOMBSTONE)
  is_known = last_connection == ''
  local is_lost = is_unproven and tonumber(ended_at_ms) < begin_clock_ms
  is_gone = not is_lost and not (is_known and last_ending == EXPIRED)
  if is_known then session_id, instance_id = last_order, last_instance end
  if is_gone then
    -- Its caller may send an end as well, at any time: as long as it goes on, that may be meant for what was.
    local from, to = string.match(text, '^[^\31]*\31[^\31]*\31()%d+()', sessions_from)
    redis.call('SET', record, string.sub(text, 1, from - 1) .. digits_of(clock_ms) .. string.sub(text, to), 'KEEPTTL')
  end
end
local connection_id = ''
-- #include change/check-blocks
if is_gone then return 'missing' end
-- #include change/make-room
if not has_room then return 'missing' end
if not is_known then
  -- Below all that its device may come back with; another one each time, since nodes remember which device it is of for
  -- longer than records do.
  local order = now_us % RULES.least_timed_order
  -- #include change/free-order
  session_id = digits_of(order)
end
tombstones = without_tombstone_of(session_id, tombstones)
contested_until_ms = clock_ms + RULES.memory_ms
local its_idle = ''
-- #include record/set-current
return 'refreshed\t' .. session_id .. '\t' .. instance_id
