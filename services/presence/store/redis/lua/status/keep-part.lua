-- Puts the status part that the record needs in front of its other lines.
--
-- its_idle: since when the device's session is idle, '' if it is not, or there is none.
--
-- Needs: book, lines, other_idle_ms, its_idle
-- Changes: others

others = ((book ~= '' or other_idle_ms > 0 or its_idle ~= '') and '\30' or '') .. book .. lines
