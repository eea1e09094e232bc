#!lua flags=allow-oom
--[[ What ZADD XX GT CH does, when Redis is out of memory and refuses ZADD: new deadlines take no memory, and without
them everybody would fall due (P1).
KEYS[1] deadlines   zset
ARGV[1] deadlineMs  integer  shard clock
ARGV[2] members     text     joined by LF
Returns integer     how many members have a later deadline now ]]

local arguments = {}
for member in string.gmatch(ARGV[2], '[^\n]+') do
  table.insert(arguments, ARGV[1])
  table.insert(arguments, member)
end
return redis.call('ZADD', KEYS[1], 'XX', 'GT', 'CH', unpack(arguments))
