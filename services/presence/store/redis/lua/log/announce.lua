-- Counts and announces what this call appended to the log: all of it, whatever failed besides. And, on channels of their
-- own, which nodes of before do not hear, whose devices changed without an entry, and notices to those who hold leases.
--
-- Needs: appended, online_change, besides, meta, live

if #appended > 0 then
  -- A number that another program made useless must not keep followers from hearing; the tick tells.
  if online_change ~= 0 then redis.pcall('HINCRBY', meta, 'online', string.format('%d', online_change)) end
  -- First: who hears of the entries has heard of their traces.
  if besides.traces then redis.call('SPUBLISH', live .. ':traces', table.concat(besides.traces, '\0')) end
  redis.call('SPUBLISH', live, table.concat(appended, '\0'))
end
local leased_change = besides.leased or 0
if leased_change ~= 0 then redis.pcall('HINCRBY', meta, 'leased', string.format('%d', leased_change)) end
if besides.devices then redis.call('SPUBLISH', live .. ':devices', table.concat(besides.devices, '\0')) end
if besides.notices then redis.call('SPUBLISH', live .. ':notices', table.concat(besides.notices, '\n')) end
