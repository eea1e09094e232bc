--- Version of the log's last entry, which a stream remembers even when it was trimmed empty, 0 if there never was one;
-- and how many entries there are.
local function read_log_state(log)
  local info = redis.pcall('XINFO', 'STREAM', log)
  if info.err then
    if string.find(info.err, 'no such key', 1, true) then return 0, 0 end
    error(info)
  end
  local version, length
  for index = 1, #info, 2 do
    if info[index] == 'length' then length = info[index + 1] end
    if info[index] == 'last-generated-id' then
      local ms, us = string.match(info[index + 1], '^(%d+)-(%d+)$')
      version = ms * 1000 + us
    end
  end
  return version, length
end
