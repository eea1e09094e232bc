-- The state of the log: last_version, of the last entry, which a stream remembers even when it was trimmed empty (0 if
-- there never was one), and log_length.
--
-- Needs: log
-- Gives: last_version, log_length

local last_version, log_length = 0, 0
local info = redis.pcall('XINFO', 'STREAM', log)
if info.err then
  if not string.find(info.err, 'no such key', 1, true) then error(info) end
else
  for index = 1, #info, 2 do
    if info[index] == 'length' then log_length = info[index + 1] end
    if info[index] == 'last-generated-id' then
      local ms, us = string.match(info[index + 1], '^(%d+)-(%d+)$')
      last_version = ms * 1000 + us
    end
  end
end
