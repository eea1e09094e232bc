#!lua flags=allow-oom
--[[ What ZADD XX GT CH does, when Redis is out of memory and refuses ZADD: new deadlines take no memory, and without
them everybody would fall due (P1).
KEYS[1] deadlines  zset
ARGV[1] members    text  deadline on the shard clock in ms, HT, member, one a line
Returns integer    how many members have a later deadline now ]]

local arguments = {}
for deadline_ms, member in string.gmatch(ARGV[1], '(%d+)\t([^\n]+)') do
  table.insert(arguments, deadline_ms)
  table.insert(arguments, member)
end
return redis.call('ZADD', KEYS[1], 'XX', 'GT', 'CH', unpack(arguments))
