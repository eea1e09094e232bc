-- What is told of the user, after statusIn in domain/status-change.ts; only for records with a status part, or that get one.
--
-- book: of the part; lines: the devices'.
-- said_availability, said_words (text, US, emoji), said_until ('': nothing ends): what the claims say.
-- is_other_used, other_idle_ms: whether one of the other devices' sessions is used; and since when the last of them to become idle
-- is, 0 if none is.
--
-- Needs: others, digits_of
-- Gives: book, lines, said_availability, said_words, said_until, is_other_used, other_idle_ms, status_of

local book, lines = '', others
local said_availability, said_words, said_until = '0', '\31', ''
local is_other_used, other_idle_ms = false, 0
if string.byte(others) == 30 then
  book, lines = string.match(others, '^\30([^\n]*)(.*)$')
  if book ~= '' then
    said_availability, said_words, said_until = string.match(book, '^(%d)\31([^\31]*\31[^\31]*)\31(%d*)')
  end
  for its_rest in string.gmatch(lines, '\n[^\t\n]+\tg?%d[^\31\t\n]*\31[^\31\t\n]*([^\t\n]*)') do
    local idle_from = string.match(its_rest, '^\31%d*\31[^\31]*\31%d+ (%d+)$')
    if idle_from then other_idle_ms = math.max(other_idle_ms, tonumber(idle_from)) else is_other_used = true end
  end
else
  -- Without the part none of them is idle.
  is_other_used = string.find(lines, '\n[^\t\n]+\tg?%d') ~= nil
end

--- @param idle of the device's session: since when it is; '': it is used; nil: there is none
-- @return what is told: availability, text, emoji and until, joined by US; and since when the user is idle, '' if not
local function status_of(is_online, idle)
  if not is_online then return '0\31' .. said_words .. '\31' .. (said_words == '\31' and '' or said_until), '' end
  local idle_ms = 0
  if not is_other_used and idle ~= '' then idle_ms = math.max(tonumber(idle) or 0, other_idle_ms) end
  local shown = said_availability ~= '0' and said_availability or idle_ms > 0 and '2' or '1'
  return shown .. '\31' .. said_words .. '\31' .. said_until, idle_ms > 0 and digits_of(idle_ms) or ''
end
