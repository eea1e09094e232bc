-- What the record says of claims, and of the sessions of the other devices.
--
-- book: of the status part; lines: the devices'.
-- said_availability, said_words (text, US, emoji), said_until ('': nothing ends): what the claims say.
-- is_other_used, other_idle_ms: whether one of the other devices' sessions is used; and since when the last of them to become idle
-- is, 0 if none is.
--
-- Needs: others
-- Gives: book, lines, said_availability, said_words, said_until, is_other_used, other_idle_ms

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
