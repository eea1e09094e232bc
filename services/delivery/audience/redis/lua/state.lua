#!lua flags=no-writes
--[[ Up to where the sources are applied.
KEYS[1] mark        hash
KEYS[2] positions   hash
ARGV[1] generation  text  that the caller knows
Returns array       imports, relations; then source, offset and at with a blank between, and again ]]

local mark, positions, generation = KEYS[1], KEYS[2], ARGV[1]
-- #include generation
local counts = redis.call('HMGET', mark, 'imports', 'relations')
local reply = { tonumber(counts[1] or 0), tonumber(counts[2] or 0) }
for _, text in ipairs(redis.call('HGETALL', positions)) do reply[#reply + 1] = text end
return reply
