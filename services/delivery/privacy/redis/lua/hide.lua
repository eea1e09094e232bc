#!lua
--[[ Stores in which state a user hid, unless there is one.
KEYS[1] mark        hash
KEYS[2] policies    hash
KEYS[3] hidden      hash
ARGV[1] generation  text  that the caller knows
ARGV[2] user        id
ARGV[3] state       text  shard, sinceMs and the rest, with blanks between
Returns array       the directory's clock, µs; the stored state, empty: the user is visible ]]

local mark, policies, hidden, generation = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local user, state = ARGV[2], ARGV[3]
-- #include ../../../audience/redis/lua/generation
-- #include ../../../audience/redis/lua/clock-now
-- #include visible

local now = string.format('%.0f', clock_now())
if is_visible(user) then return { now, '' } end
if redis.call('TYPE', hidden).ok ~= 'hash' then redis.call('DEL', hidden) end
redis.call('HSETNX', hidden, user, state)
return { now, redis.call('HGET', hidden, user) }
