#!lua flags=no-writes
--[[ Up to where the sources are applied.
KEYS[1] mark        hash
KEYS[2] positions   hash
ARGV[1] generation  text  that the caller knows
ARGV[2] prefix      text  of the other keys
Returns array       imports, relations, policy changes; an array of those whose policies changed last; then source, offset
                    and at with a blank between, and again ]]

local mark, positions, generation, prefix = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
-- #include generation
local counts = redis.call('HMGET', mark, 'imports', 'relations', 'policy-changes')
local latest = redis.pcall('LRANGE', prefix .. 'changed-policies', 0, -1)
local reply = { tonumber(counts[1]) or 0, tonumber(counts[2]) or 0, tonumber(counts[3]) or 0, latest.err and {} or latest }
-- A position that is none is left out: its source is read again from the start.
local known = redis.pcall('HGETALL', positions)
for index = 1, #known, 2 do
  if string.find(known[index + 1], '^%d+ %d+$') then
    reply[#reply + 1] = known[index]
    reply[#reply + 1] = known[index + 1]
  end
end
return reply
