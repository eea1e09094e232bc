-- Reads a user's record: text, false if there is none. record: its key.
--
-- Needs: record
-- Gives: text

local text = redis.pcall('GET', record)
if type(text) == 'table' then
  if not string.find(text.err, 'WRONGTYPE', 1, true) then error(text) end
  error('UNREADABLE is a ' .. redis.call('TYPE', record).ok .. ', not a string', 0)
end
