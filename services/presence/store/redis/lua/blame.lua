-- Tells the faults of a record from all others. What our callers send is checked, so a script that stumbles does so over
-- a record that somebody else wrote. Changes answer, the error of a pcall.

if string.find(answer, '^user_script') then answer = 'UNREADABLE is malformed (' .. answer .. ')' end
