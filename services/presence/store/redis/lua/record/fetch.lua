-- Gives text, a user's record, false if there is none. Needs record.

local text = redis.pcall('GET', record)
if type(text) == 'table' then
  if not string.find(text.err, 'WRONGTYPE', 1, true) then error(text) end
  error('UNREADABLE is a ' .. redis.call('TYPE', record).ok .. ', not a string', 0)
end
