-- What is told of the user, after statusIn in domain/status-change.ts; only for records with a status part, or that get one.
--
-- book: of the part; lines: the devices'.
-- said_availability, said_words (text, US, emoji), said_until ('': nothing ends): what the claims say.
--
-- Needs: others, digits_of
-- Gives: book, lines, said_availability, said_words, said_until, status_of, others_with

local book, lines = '', others
local said_availability, said_words, said_until = '0', '\31', ''
if string.byte(others) == 30 then
  book, lines = string.match(others, '^\30([^\n]*)(.*)$')
  if book ~= '' then
    said_availability, said_words, said_until = string.match(book, '^(%d)\31([^\31]*\31[^\31]*)\31(%d*)')
  end
end

-- Of the other devices' sessions: whether one is used; and since when the last to become idle is, 0 if none is.
local is_other_used, other_idle_ms = false, 0
for its_rest in string.gmatch(lines, '\n[^\t\n]+\tg?%d[^\31\t\n]*\31[^\31\t\n]*([^\t\n]*)') do
  local idle_from = string.match(its_rest, '^\31%d*\31[^\31]*\31%d+ (%d+)$')
  if idle_from then other_idle_ms = math.max(other_idle_ms, tonumber(idle_from)) else is_other_used = true end
end

--- @param idle of the device's session: since when it is; '': it is used; nil: there is none
-- @return what is told: availability, text, emoji and until, joined by US; how the log says it with since when the user is idle,
-- '' if it is the plain one; and the same in full
local function status_of(is_online, idle)
  local idle_text, tells = '', nil
  if not is_online then
    tells = '0\31' .. said_words .. '\31' .. (said_words == '\31' and '' or said_until)
  else
    local idle_ms = math.max(tonumber(idle) or 0, other_idle_ms)
    if not is_other_used and idle ~= '' and idle_ms > 0 then idle_text = digits_of(idle_ms) end
    local shown = said_availability ~= '0' and said_availability or idle_text ~= '' and '2' or '1'
    tells = shown .. '\31' .. said_words .. '\31' .. said_until
  end
  local is_plain = idle_text == '' and tells == (is_online and '1' or '0') .. '\31\31\31'
  local in_full = '\31' .. tells .. '\31' .. idle_text
  return tells, is_plain and '' or in_full, in_full
end

--- The other lines of the record, with the status part that it needs in front.
-- @param idle as above
local function others_with(its_book, idle)
  local has_part = its_book ~= '' or other_idle_ms > 0 or (idle or '') ~= ''
  return (has_part and '\30' or '') .. its_book .. lines
end
