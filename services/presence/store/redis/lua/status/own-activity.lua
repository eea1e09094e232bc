-- What the device's current session said of whether somebody uses it: sequence, SP, since when nobody does; '' if nothing.
--
-- Needs: text, mark, sessions_from
-- Gives: own_activity

local own_activity = ''
if mark then
  own_activity =
    string.match(text, '^g?%d[^\31\t\n]*\31[^\31\t\n]*\31%d*\31[^\31\t\n]*\31(%d+ %d*)', sessions_from) or ''
end
