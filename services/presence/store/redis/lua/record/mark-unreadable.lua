-- Marks an error as UNREADABLE when the record is at fault. Arguments were checked before, so a Lua error comes from a
-- record that another program wrote. answer: the error of a pcall.
--
-- Changes: answer

if string.find(answer, '^user_script') then answer = 'UNREADABLE is malformed (' .. answer .. ')' end
