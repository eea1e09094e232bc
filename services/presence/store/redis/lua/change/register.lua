-- Makes a session its device's current one, after decideRegister in domain/change/register.ts.
--
-- connection_id: '' for a caller without tokens.
-- place: '' for now; the order of previous_session_id; or '-' and an age in µs, when the client was there. Behind it, with US in
-- front, since when nobody uses the device, in ms, if the call says so.
-- lease_id: that the session is to be under, '' for none.
-- kind: "verify" when it is there already or is brought back, with the order of its session_id as place.
--
-- Needs: place, mark, current_id, SESSION_ID, connection_id, sessions_from, GRACE, digits_of, clock_ms,
--   version, TOMBSTONE, ENDED, REPLACED, begin_clock_ms, order_us, begin_us, MAX_VERSION, kind, lease_id,
--   shard_prefix, now_ms
-- Changes: place, tombstones, contested_until_ms, instance_id
--
-- Returns kind ("registered", "repeated", "ended", "superseded", "too-many-devices", "lease-missing", "lease-closed", "closed" as
-- check-blocks.lua says, and
-- of a verification "missing"); of the first two also HT, the order of the session, HT, the user's version.

if lease_id ~= '' then
  -- #include gateway-lease/check-open
end
-- #include change/check-blocks
local activity, its_idle = '', ''
if place ~= '' then
  local bare_place, idle_since = string.match(place, '^([^\31]*)\31(%d+)$')
  if idle_since then
    place = bare_place
    if idle_since + RULES.idle_min_ms <= now_ms then its_idle = idle_since end
    activity = '0 ' .. its_idle
  end
end
local previous_order, age_us = place, nil
if string.byte(place) == 45 then previous_order, age_us = '', -tonumber(place) end
local current_order, current_connection
if mark then
  current_order, current_connection = string.match(current_id, SESSION_ID)
  current_order = tonumber(current_order)
  if current_order > MAX_VERSION then error('UNREADABLE is malformed in an order', 0) end
end
if connection_id ~= '' and sessions_from then
  if current_connection == connection_id then
    if mark == GRACE then return 'ended' end
    -- It lives by another session_id: to register again tells which.
    if kind == 'verify' and current_order ~= tonumber(place) then return 'missing' end
    -- #include deadline/extend
    return string.format('repeated\t%d\t%s', current_order, version)
  end
  if string.find(tombstones, connection_id, 1, true) then
    for ending, its_order, its_connection in string.gmatch(tombstones, TOMBSTONE) do
      if its_connection == connection_id then
        if ending == ENDED then return 'ended' end
        if ending == REPLACED then return 'superseded' end
        -- It expired. Perhaps a late duplicate of the first call: only its old order keeps it below later sessions.
        if previous_order == '' then previous_order = its_order end
        break
      end
    end
  end
end

-- Could a late Unregister without session_id be meant for an earlier session?
local is_unclear = false
if connection_id == '' then
  is_unclear = mark or clock_ms < begin_clock_ms + RULES.memory_ms
  for _, _, _, _, ended_at_ms in string.gmatch(tombstones, TOMBSTONE) do
    is_unclear = is_unclear or ended_at_ms + RULES.memory_ms > clock_ms
  end
end

-- Its place in the order of the device's registrations.
local order = order_us > begin_us and order_us or begin_us
if mark and order <= current_order then order = current_order + 1 end
local from = 1
while from <= #tombstones do
  local after_it = string.match(tombstones, '^.(%d+)', from) + 1
  if order < after_it then order = after_it end
  from = (string.find(tombstones, '\t', from, true) or #tombstones) + 1
end
if order > MAX_VERSION then error('UNREADABLE is malformed in an order', 0) end
local is_fresh = previous_order == ''
if not is_fresh then
  -- A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
  order = math.min(tonumber(previous_order), order)
elseif age_us and age_us >= RULES.age_min_us and order <= order_us + RULES.age_min_us then
  -- #include change/aged-order
  is_fresh = false
end
if connection_id == '' then
  -- #include change/free-order
end
local order_text = digits_of(order)
local session_id = connection_id == '' and order_text or order_text .. '.' .. connection_id
if not is_fresh then
  -- #include change/returning
  if is_outranked(current_order, tombstones, order, connection_id) then return 'superseded' end
  tombstones = without_tombstone_of(session_id, tombstones)
end

-- #include change/make-room
if not has_room then return 'too-many-devices' end
-- By another session_id its gateway would not know it: likewise.
if kind == 'verify' and order ~= tonumber(place) then return 'missing' end

if kind == 'verify' then
  local holder = redis.call('HGET', shard_prefix .. 'leases:holders', lease_id)
  instance_id = holder and string.match(holder, '^[^\31]+') or 'unknown-instance'
end
contested_until_ms = is_unclear and clock_ms + RULES.memory_ms or 0
-- #include record/set-current
return 'registered\t' .. order_text .. '\t' .. version
