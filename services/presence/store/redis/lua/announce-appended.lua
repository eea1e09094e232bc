-- Counts and announces what this call appended to the log: all of it, whatever failed besides. Needs log.lua.

if #appended > 0 then
  -- A number that somebody else made useless must not keep followers from hearing; the tick tells.
  if online_change ~= 0 then redis.pcall('HINCRBY', meta, 'online', string.format('%d', online_change)) end
  redis.call('SPUBLISH', live, table.concat(appended, '\0'))
end
