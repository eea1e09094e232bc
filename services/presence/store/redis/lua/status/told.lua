-- How the log tells a status: told_as, '' if it is the plain one; told_in_full in any case.
--
-- told_after, idle_text: what status_of says.
--
-- Needs: told_after, idle_text
-- Gives: told_in_full
-- Changes: told_as

local told_in_full = '\31' .. told_after .. '\31' .. idle_text
local is_plain = told_in_full == '\0311\31\31\31\31' or told_in_full == '\0310\31\31\31\31'
told_as = is_plain and '' or told_in_full
