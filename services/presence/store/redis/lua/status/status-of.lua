-- What is told of the user, after statusIn in domain/status-change.ts; only for records with a status part, or that get one.
--
-- Needs: digits_of, said_availability, said_words, said_until, is_other_used, other_idle_ms
-- Gives: status_of

--- @param idle of the device's session: since when it is; '': it is used; nil: there is none
-- @return what is told: availability, text, emoji and until, joined by US; and since when the user is idle, '' if not
local function status_of(is_online, idle)
  if not is_online then return '0\31' .. said_words .. '\31' .. (said_words == '\31' and '' or said_until), '' end
  local idle_ms = 0
  if not is_other_used and idle ~= '' then idle_ms = math.max(tonumber(idle) or 0, other_idle_ms) end
  local shown = said_availability ~= '0' and said_availability or idle_ms > 0 and '2' or '1'
  return shown .. '\31' .. said_words .. '\31' .. said_until, idle_ms > 0 and digits_of(idle_ms) or ''
end
