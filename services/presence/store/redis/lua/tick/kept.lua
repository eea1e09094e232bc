-- Extends the deadlines of heartbeats that an earlier command did not confirm: before anything is due, so that a link
-- over which ticks get through and heartbeats do not takes nobody down (P1). A heartbeat that finds no deadline needs
-- the user's record; until that has decided, no time passes on account of this caller. missing: indexes of those, from 0.
--
-- Needs: deadlines, clock_ms, advance, first_kept, digits_of
-- Gives: is_advancing, missing

local is_advancing, missing = advance ~= 'never', {}
if ARGV[first_kept] then
  local members, extended = {}, {}
  for index = first_kept, #ARGV, 2 do
    -- It came no later than now, whatever its node reckoned.
    local came_ms = math.min(tonumber(ARGV[index]) or clock_ms, clock_ms)
    members[#members + 1] = ARGV[index + 1]
    -- A member of a lease begins with NUL.
    local its_ttl_ms = string.byte(ARGV[index + 1]) == 0 and RULES.lease_ttl_ms or RULES.ttl_ms
    extended[#extended + 1] = digits_of(came_ms + its_ttl_ms)
    extended[#extended + 1] = ARGV[index + 1]
  end
  redis.call('ZADD', deadlines, 'XX', 'GT', unpack(extended))
  for index, score in ipairs(redis.call('ZMSCORE', deadlines, unpack(members))) do
    if not score then missing[#missing + 1] = index - 1 end
  end
  if missing[1] and advance ~= 'always' then is_advancing = false end
end
