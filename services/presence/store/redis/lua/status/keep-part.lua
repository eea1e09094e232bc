-- Puts the status part that the record needs in front of its other lines.
--
-- its_idle: since when the device's session is idle, '' if it is not, or there is none.
--
-- Needs: has_status, book, lines, other_idle_ms, its_idle
-- Changes: others

local needs_part = book ~= '' or other_idle_ms > 0 or its_idle ~= ''
-- One that comes or goes is without a book.
if needs_part ~= has_status then others = (needs_part and '\30' or '') .. lines end
