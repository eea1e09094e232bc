#!lua
--[[ Notes at which version a shard of presence began anew.
KEYS[1] mark        hash
KEYS[2] begins      hash
ARGV[1] generation  text     that the caller knows
ARGV[2] shard       integer
ARGV[3] version     integer
Returns integer     0 ]]

local mark, begins, generation = KEYS[1], KEYS[2], ARGV[1]
local shard, version = ARGV[2], ARGV[3]
-- #include ../../../audience/redis/lua/generation

if redis.call('TYPE', begins).ok ~= 'hash' then redis.call('DEL', begins) end
local known = tonumber(redis.call('HGET', begins, shard)) or 0
if tonumber(version) > known then redis.call('HSET', begins, shard, version) end
return 0
