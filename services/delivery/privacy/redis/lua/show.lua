#!lua
--[[ Forgets the state in which a user hid, if the user is visible.
KEYS[1] mark        hash
KEYS[2] policies    hash
KEYS[3] hidden      hash
ARGV[1] generation  text     that the caller knows
ARGV[2] user        id
ARGV[3] since       integer  of the state, ms
Returns integer     1 if it is forgotten, else 0 ]]

local mark, policies, hidden, generation = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local user, since = ARGV[2], ARGV[3]
-- #include ../../../audience/redis/lua/generation
-- #include visible

local stored = redis.pcall('HGET', hidden, user)
local is_meant = type(stored) == 'string' and (string.match(stored, '^%d+ (%d+) ') or '0') == since
return is_meant and is_visible(user) and redis.call('HDEL', hidden, user) or 0
