#!lua flags=allow-oom
--[[ Takes or extends the lease that makes a node the publisher of a shard.
KEYS[1] publisher  string   id of the holder; expires with the lease
KEYS[2] meta       hash
ARGV[1] node       id
ARGV[2] leaseMs    integer
Returns array      fencing number; begin of the shard, 0 if it has none; then name and version of each cursor in turn;
                   nil when another node holds it, or the shard never began: only a tick gives it a fencing number that
                   others may count on from ]]

local publisher, meta = KEYS[1], KEYS[2]
if redis.call('HEXISTS', meta, 'incarnation') == 0 then return false end
local holder = redis.call('GET', publisher)
if holder and holder ~= ARGV[1] then return false end

local fence = redis.call('HGET', meta, 'fence')
if not (holder and fence) then fence = redis.call('HINCRBY', meta, 'fence', 1) end
redis.call('SET', publisher, ARGV[1], 'PX', ARGV[2])

local lease = { tonumber(fence), tonumber(redis.call('HGET', meta, 'begin') or 0) }
local fields = redis.call('HGETALL', meta)
for index = 1, #fields, 2 do
  local name = string.match(fields[index], '^cursor:(.*)$')
  if name then
    table.insert(lease, name)
    table.insert(lease, fields[index + 1])
  end
end
return lease
