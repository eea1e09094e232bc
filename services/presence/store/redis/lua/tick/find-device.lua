-- The device whose live session has this session_id and is under this lease: nil if there is none. What is due without its
-- lease, as after its record could not be read, goes back under it.
--
-- Needs: text, session_id, lease_id, shard_prefix, leases, clock_ms, user_id, digits_of, besides
-- Changes: device_id

local from = 1
while text and not device_id do
  local at, to = string.find(text, '\t' .. session_id .. '\31', from, true)
  if not at then break end
  local its_lease = string.match(text, '^[^\31\t\n]*\31?%d*\31?([^\31\t\n]*)', to + 1)
  if its_lease == lease_id then
    device_id = string.match(string.sub(text, 1, at - 1), '[^\n]+$')
  elseif lease_id == '' then
    local until_ms = digits_of(clock_ms + RULES.leased_ttl_ms)
    local its_deadlines = shard_prefix .. 'lease:' .. its_lease
    local added = redis.call('ZADD', its_deadlines, 'NX', until_ms, user_id .. '\0' .. session_id)
    besides.leased = (besides.leased or 0) + added
    redis.call('ZADD', leases, 'NX', digits_of(clock_ms), its_lease)
  end
  from = to
end
