-- Keeps what is claimed of the user, and tells what follows from it, after saidBy in domain/status.ts and decideStatusChange in
-- domain/status-change.ts. A record lives as long as its book, whose turn is in the ZSET of claims; after it, as long as last
-- seen is remembered.
--
-- claims, cleared: as they are to be, see read-book.lua. last_said_ms: of those too that are there no more.
--
-- Needs: claims, cleared, minute_from_ms, minute_count, last_said_ms, said_availability, said_words, said_until, status_of,
--   other_idle_ms, lines, minus, version, last_seen_ms, now_ms, digits_of, user_id, CAUSE_STATUS, CAUSE_RESTATED,
--   begin_us, record, shard_prefix
-- Changes: said_availability, said_words, said_until, version, last_seen_ms, now_us

local is_online = minus == ''
local told_before = status_of(is_online, nil)

local self, strongest
for _, claim in ipairs(claims) do
  if claim.claim_id == 'self' then
    self = claim
  elseif not strongest or claim.availability > strongest.availability or
    claim.availability == strongest.availability and (claim.set_ms > strongest.set_ms or
      claim.set_ms == strongest.set_ms and claim.claim_id > strongest.claim_id) then
    strongest = claim
  end
end
local decider = self and self.availability ~= '0' and self or strongest
local speaker = self and self.words ~= '\31' and self or decider
said_availability = decider and decider.availability or '0'
said_words = speaker and speaker.words or '\31'
if said_words ~= '\31' then
  said_until = digits_of(speaker.ends_ms)
else
  said_until = said_availability ~= '0' and digits_of(decider.ends_ms) or ''
end

-- When there is something to end, or nothing to remember any more.
local turn_ms = minute_from_ms + RULES.minute_ms
local new_book = ''
if claims[1] or cleared[1] or turn_ms > now_ms then
  local entries = { said_availability .. '\31' .. said_words .. '\31' .. said_until .. '\31' ..
    digits_of(minute_from_ms) .. '\31' .. digits_of(minute_count) }
  for _, claim in ipairs(cleared) do
    turn_ms = math.max(turn_ms, claim.ends_ms)
    entries[#entries + 1] =
      'x' .. claim.claim_id .. '\0310\31\31\31' .. digits_of(claim.ends_ms) .. '\31' .. digits_of(claim.set_ms)
  end
  if claims[1] then turn_ms = math.huge end
  for _, claim in ipairs(claims) do
    turn_ms = math.min(turn_ms, claim.ends_ms)
    entries[#entries + 1] = 'c' .. claim.claim_id .. '\31' .. claim.availability .. '\31' .. claim.words .. '\31' ..
      digits_of(claim.ends_ms) .. '\31' .. digits_of(claim.set_ms)
  end
  new_book = table.concat(entries, '\30')
end

if not last_seen_ms or is_online == false and last_seen_ms ~= '' and last_seen_ms + RULES.retention_ms <= now_ms then
  last_seen_ms = ''
end
-- First, for while the slot migrates it may have gone ahead, or cannot be made here any more. One too many is found by its tick.
local claim_turns = shard_prefix .. 'claims'
redis.call('ZADD', claim_turns, digits_of(turn_ms), user_id)
local told_after, idle_text = status_of(is_online, nil)
local told_as
-- #include status/told
if told_after ~= told_before then
  local seen = not is_online and last_seen_ms ~= '' and last_seen_ms or '0'
  local cause = is_online and version + 0 < begin_us and CAUSE_RESTATED or CAUSE_STATUS
  local transition = user_id .. (is_online and '\0001\0' or '\0000\0') .. cause .. '\0\0\0' .. seen .. told_as
  -- The version is no earlier than what it tells.
  local read_us = now_us
  now_us = math.max(now_us, last_said_ms * 1000)
  -- #include log/append
  now_us = read_us
  version = new_version
end
local part = (new_book ~= '' or other_idle_ms > 0) and '\30' or ''
local new_text = (is_online and '' or '-') .. version .. (last_seen_ms == '' and '' or ' ') .. last_seen_ms ..
  part .. new_book .. lines
if is_online or new_book ~= '' then
  redis.call('SET', record, new_text)
elseif lines == '' and last_seen_ms == '' then
  redis.call('DEL', record)
else
  local left_ms = last_seen_ms == '' and 0 or last_seen_ms + RULES.retention_ms - now_ms
  redis.call('SET', record, new_text, 'PX', digits_of(math.max(left_ms, RULES.memory_ms)))
end
if new_book == '' then redis.call('ZREM', claim_turns, user_id) end
