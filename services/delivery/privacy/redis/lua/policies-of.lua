#!lua flags=no-writes
--[[ What users let others see, and the states in which those hid who are hidden.
KEYS[1] mark        hash
KEYS[2] policies    hash
KEYS[3] hidden      hash
ARGV[1] generation  text  that the caller knows
ARGV[2] users       json  array of at most 1,000 ids, not empty
Returns array       the directory's clock, µs; 1 if the policies can be read, else 0, and the same for the hidden states;
                    then for each user, in order: its policy as it is stored, null: none; its hidden state, null: none ]]

local mark, policies, hidden, generation = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
-- #include ../../../audience/redis/lua/generation
-- #include ../../../audience/redis/lua/clock-now

local users = cjson.decode(ARGV[2])
local stored, states = redis.pcall('HMGET', policies, unpack(users)), redis.pcall('HMGET', hidden, unpack(users))
local reply = { string.format('%.0f', clock_now()), stored.err and 0 or 1, states.err and 0 or 1 }
for index = 1, #users do
  reply[#reply + 1] = stored[index] or false
  reply[#reply + 1] = states[index] or false
end
return reply
