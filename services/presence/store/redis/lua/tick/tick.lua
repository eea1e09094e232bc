#!lua flags=allow-oom
--[[ Extends deadlines, advances the clock of a shard and takes down sessions that are due, after decideExpire in
domain/change/expire.ts, leases, after domain/lease.ts, and claims, after domain/claims.ts; or begins the shard anew: see
begin.lua. While it recovers, nobody is taken down: who has no heartbeat there may have had one that was lost. Allowed
when Redis is out of memory: it frees some.
KEYS[1] meta           hash
KEYS[2] deadlines      zset     due: score <= the shard clock, never a caller's; leases: see gateway-lease/open.lua
KEYS[3] log            stream
ARGV[1] limit          integer  due members, sessions of leases and users with due claims per call; 0: the clock only
ARGV[2] reckonedMs     integer  where a shard clock starts at least that begins anew: what the node last knew of it
ARGV[3] reckonedUs     integer  what the order clock reads at least, as the node reckons it; 0: it cannot
ARGV[4] recordPrefix   prefix   of the records of this shard, whose hash tag it shares
ARGV[5] live           channel  of this shard: hears of the log's new entries
ARGV[6] schema         integer  version of what the keys mean
ARGV[7] shards         integer  of the store
ARGV[8] incarnation    id       of the shard, as the node knows it; empty if it knows none
ARGV[9] tickedVersion  integer  the log's last, by the tick that told the node so
ARGV[10] seenVersion   integer  the highest that the node has seen
ARGV[11] fresh         id       incarnation of the shard if it begins anew
ARGV[12] advance       text     "never", "unless-missing": if every one of `kept` has a deadline, or "always"
ARGV[13] publisher     name     of the key with the lease, which goes when the shard begins anew. No key of the script: it
                                expires, and while a slot migrates Redis refuses scripts of which a key is missing
ARGV[14...] kept       text     two each: shard clock when that heartbeat came, in ms ('': now), and its member
Returns array          clock in ms; what was spent of limit (equal to it: call again); how long the first was
                       overdue in ms; the log's last version and its length; sessions left; users online; begin, how
                       long the shard still recovers in ms, the begin that was restated last, incarnation, and why it
                       began anew just now, empty if it did not; of due members that failed, and are tried again a TTL
                       later, user and error in turn; 1 if it advanced, else 0; which of `kept` have no deadline,
                       from 0; Redis time in µs; sessions under leases; leases; those of them that are lost or closed;
                       blocks; users of whom something is claimed; how far the order clock is ahead, and what it
                       reads, in µs; the version at which the shard began with nothing, 0: nobody saw that ]]

local meta, deadlines, log = KEYS[1], KEYS[2], KEYS[3]
local limit, reckoned_ms, reckoned_us = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local record_prefix, live, schema, shards = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local known_incarnation, ticked_version, seen_version = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local fresh_incarnation, advance, publisher, first_kept = ARGV[11], ARGV[12], ARGV[13], 14

-- #include tick/own-keys
-- #include tick/clocks
-- #include digits
-- #include log/appended
-- #include tick/begin
-- #include tick/order-clock
-- #include tick/kept
if is_advancing or begun ~= '' then
  redis.call('HSET', meta, 'clock', digits_of(clock_ms), 'ticked', digits_of(now_ms))
end
local recovering_ms = math.max(0, begin_clock_ms + RULES.ttl_ms - clock_ms)

-- Keys of leases, which need not be there: see gateway-lease/open.lua.
local shard_prefix = string.sub(deadlines, 1, -10)
local leases = shard_prefix .. 'leases'
-- #include tick/drop-blocks
local lease_count, hidden = redis.pcall('ZCARD', leases), {}
if type(lease_count) ~= 'number' then lease_count = 0 end

local due, looks = {}, {}
if is_advancing and limit > 0 and recovering_ms == 0 then
  due = redis.call('ZRANGEBYSCORE', deadlines, '-inf', clock_ms, 'WITHSCORES', 'LIMIT', 0, limit)
  if lease_count > 0 then
    looks = redis.call('ZRANGEBYSCORE', leases, '(0', clock_ms, 'LIMIT', 0, RULES.looks_per_tick)
  end
end
-- What was spent of the limit; and users whose sessions failed, and why.
local spent, failed = 0, {}
-- Most ticks find nobody: a function is dear to make, for each outer local that it mentions.
if due[1] or looks[1] then
  --- Takes down what fell due.
  -- @param device_id of a grace, nil when a live session of any device fell due
  -- @param lease_id that the session is under, '' if under none
  -- @param how of one under a lease: "lost", "closed" or "unverified"; then since when, by deadline_ms
  -- @return whether the record knew of it
  local function expire(user_id, device_id, session_id, deadline_ms, lease_id, how)
    -- #include record/record
    -- #include log/causes
    local record = record_prefix .. user_id
    -- #include record/fetch
    local is_graced, seen_ms = device_id, 0
    local ending, cause, its_ttl_ms = EXPIRED, CAUSE_EXPIRED, RULES.ttl_ms
    if how == 'lost' then
      cause, its_ttl_ms = CAUSE_INSTANCE_LOST, RULES.lease_ttl_ms
    elseif how == 'unverified' then
      its_ttl_ms = RULES.leased_ttl_ms
    elseif is_graced or how == 'closed' then
      ending, cause, its_ttl_ms = ENDED, CAUSE_CONNECTION_LOST, 0
    end
    if not is_graced then
      -- #include tick/find-device
      if not device_id then return false end
      seen_ms = now_ms - math.min(math.max(0, clock_ms - (deadline_ms - its_ttl_ms)), now_ms)
    end
    -- #include record/device
    if not mark or (mark == GRACE) ~= (is_graced ~= nil) then return false end
    -- #include record/clear-current
    return true
  end

  --- Takes down a member, or drops it when no record knows of it.
  -- @param its_deadlines the ZSET that it is in
  local function deal_with(its_deadlines, member, deadline_ms, lease_id, how)
    -- A member of another shape names no user.
    local user_id, session_id = string.match(member, '^(%Z+)%z(.+)$')
    local is_decided, answer = true, false
    if user_id then
      local graced_device = string.byte(session_id) == 0 and string.sub(session_id, 2) or nil
      is_decided, answer = pcall(expire, user_id, graced_device, session_id, deadline_ms, lease_id, how)
    end
    -- While the slot migrates, the record went ahead: the session is taken down where that is (P1, P2).
    if not is_decided and string.find(answer, 'non local key', 1, true) then return end
    spent = spent + 1
    if not is_decided then
      -- #include record/mark-unreadable
      failed[#failed + 1] = user_id
      failed[#failed + 1] = answer
      -- The others must not wait for it, nor may it come again at once.
      redis.call('ZADD', deadlines, clock_ms + RULES.ttl_ms, member)
    end
    if not is_decided and lease_id == '' or answer == true then return end
    local removed = redis.call('ZREM', its_deadlines, member)
    if lease_id ~= '' then besides.leased = (besides.leased or 0) - removed end
  end

  for index = 1, #due, 2 do
    if spent >= limit then break end
    local member, deadline_ms = due[index], due[index + 1]
    if string.byte(member) == 0 then
      -- #include tick/due-lease
    else
      deal_with(deadlines, member, deadline_ms, '')
    end
  end
  -- #include tick/look
end
-- #include tick/due-claims
-- #include log/announce

if appended[1] then entry_count = redis.call('XLEN', log) end
if due[1] or looks[1] then member_count = redis.call('ZCARD', deadlines) end
local leased_count = (tonumber(leased) or 0) + (besides.leased or 0)
if lease_count > 0 then
  -- The last one may have gone, which while its slot migrates Redis refuses to say.
  lease_count = redis.pcall('ZCARD', leases)
  hidden = redis.pcall('ZRANGEBYSCORE', leases, 0, 0, 'LIMIT', 0, RULES.hidden_leases_max)
  if type(lease_count) ~= 'number' or hidden.err then lease_count, hidden = 0, {} end
end
return {
  clock_ms,
  spent,
  due[2] and math.min(clock_ms - due[2], clock_ms) or 0,
  math.max(version_before, appended_version),
  entry_count,
  -- Each lease is one of the members.
  member_count - lease_count + leased_count,
  (tonumber(online) or 0) + online_change,
  digits_of(begin_us),
  recovering_ms,
  restated or '0',
  incarnation,
  begun,
  failed,
  is_advancing and 1 or 0,
  missing,
  now_us,
  leased_count,
  lease_count,
  hidden,
  block_count,
  claimed_count,
  digits_of(order_ahead_us),
  digits_of(order_us),
  digits_of(tonumber(data_since) or 0),
}
