#!lua flags=allow-oom
--[[ Gives a lease up, if it is still the node's.
KEYS[1] publisher  string   id of the holder
ARGV[1] node       id
Returns integer    1 when it was given up ]]

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
