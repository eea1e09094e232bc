-- Sets or clears a claim, after decideSetStatus and decideClearStatus in domain/claims.ts.
--
-- kind: "claim" or "unclaim".
-- said: availability, text and emoji, joined by US.
-- ends_ms: '' after the longest time; set_ms: '' now.
--
-- Needs: kind, claim_id, said, ends_ms, set_ms, minus, clock_ms, begin_clock_ms, digits_of, now_ms, now_us, order_us,
--   version
-- Changes: version
--
-- Returns "done", HT, the user's version, HT, what is told of it, in full, as the log does; "over", "too-many", "too-often", HT,
-- for how many ms; or "recovering".

-- Who looks offline may be online: nobody is told otherwise.
if minus ~= '' and clock_ms < begin_clock_ms + RULES.ttl_ms then return 'recovering' end
-- #include status/said
-- #include status/status-of
-- #include status/read-book
local its_end, given_ms = tonumber(ends_ms), tonumber(set_ms)
if its_end and its_end <= now_ms then return 'over' end
local stored_at, last
for index, claim in ipairs(claims) do
  if claim.claim_id == claim_id then stored_at, last = index, claim end
end
local kept_cleared = {}
for _, claim in ipairs(cleared) do
  if claim.ends_ms > now_ms then
    if claim.claim_id ~= claim_id then kept_cleared[#kept_cleared + 1] = claim
    else last = last or claim end
  end
end
-- As nowSaidMs. But for a moment versions are ahead of the clock only where orders are, and all about the log is dear to ask.
local next_us = now_us
if order_us > now_us or not version then
  -- #include log/state
  next_us = math.max(now_us, last_version + 1)
  version = version or digits_of(last_version)
end
local now_said_ms = math.max(math.floor(next_us / 1000), last_said_ms + 1)
local new_set_ms = math.min(given_ms or now_said_ms, now_said_ms)
local is_kept = last and new_set_ms <= last.set_ms
last_said_ms = math.max(last_said_ms, new_set_ms)
if kind == 'unclaim' then
  if stored_at and not is_kept then
    table.insert(kept_cleared, 1, { claim_id = claim_id, ends_ms = last.ends_ms, set_ms = new_set_ms })
    kept_cleared[RULES.max_claims + 1] = nil
    table.remove(claims, stored_at)
  else
    is_kept = true
  end
elseif not is_kept then
  local claim = {
    claim_id = claim_id, availability = string.sub(said, 1, 1), words = string.sub(said, 3), set_ms = new_set_ms,
    ends_ms = math.min(its_end or math.huge, math.max(now_ms, new_set_ms) + RULES.claim_max_ms),
  }
  if stored_at and not given_ms and last.availability == claim.availability and last.words == claim.words then
    is_kept = its_end == last.ends_ms or not its_end and last.ends_ms - last.set_ms >= RULES.claim_max_ms
  end
  if not is_kept then
    if not stored_at and #claims >= RULES.max_claims then return 'too-many' end
    if minute_from_ms + RULES.minute_ms <= now_ms or minute_from_ms > now_ms then
      minute_from_ms, minute_count = now_ms, 0
    end
    if minute_count >= RULES.minute_max_claims then
      return 'too-often\t' .. digits_of(minute_from_ms + RULES.minute_ms - now_ms)
    end
    minute_count = minute_count + 1
    if stored_at then table.remove(claims, stored_at) end
    claims[#claims + 1] = claim
  end
end

if is_kept then
  local told_after, idle_text = status_of(minus == '', nil)
  local told_as
  -- #include status/told
  return 'done\t' .. version .. '\t' .. told_in_full
end
cleared = kept_cleared
-- #include status/write-book
return 'done\t' .. version .. '\t' .. told_in_full
