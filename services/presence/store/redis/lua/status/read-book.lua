-- Reads what the record keeps of claims: see domain/claims.ts.
--
-- Each of claims and cleared: claim_id, availability, words (text, US, emoji), ends_ms, set_ms; the latest first.
-- minute_from_ms, minute_count: see ClaimBook. last_said_ms: see lastSaidMs.
--
-- Needs: book
-- Gives: claims, cleared, minute_from_ms, minute_count, last_said_ms

local claims, cleared = {}, {}
local minute_from_ms, minute_count, last_said_ms = 0, 0, 0
if book ~= '' then
  local from, count = string.match(book, '^%d\31[^\31]*\31[^\31]*\31%d*\31(%d+)\31(%d+)')
  minute_from_ms, minute_count = tonumber(from) or 0, tonumber(count) or 0
  local CLAIM = '\30([cx])([^\31]*)\31(%d)\31([^\31]*\31[^\31]*)\31(%d+)\31(%d+)'
  for kept_as, its_id, its_availability, its_words, its_end, its_set in string.gmatch(book, CLAIM) do
    local list = kept_as == 'c' and claims or cleared
    list[#list + 1] = {
      claim_id = its_id, availability = its_availability, words = its_words, ends_ms = tonumber(its_end),
      set_ms = tonumber(its_set),
    }
    last_said_ms = math.max(last_said_ms, tonumber(its_set))
  end
end
