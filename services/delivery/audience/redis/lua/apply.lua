#!lua
--[[ Merges facts: of each relation the strongest stamp stays, after isStronger in facts.ts. With the batch's last facts
its position is stored.
KEYS[1] mark        hash
KEYS[2] positions   hash
ARGV[1] generation  text     that the caller knows
ARGV[2] prefix      text     of the relations' keys
ARGV[3] source      text     empty: an import
ARGV[4] after       integer  offset that the batch goes on from; -1: the source's start
ARGV[5] offset      integer  of the batch's last record
ARGV[6] at          integer  of that record; empty: more facts of this batch follow
ARGV[7] facts       json     relation, left, right, stamp, and again
Returns array       kind ("merged", "known", "rewound"), the offset stored before, -1: none; how many relations there are ]]

local mark, positions, generation, prefix = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local source, after, offset, at = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
-- #include generation

local function relations_count() return tonumber(redis.call('HGET', mark, 'relations') or 0) end

local stored = -1
if source ~= '' then
  stored = tonumber(string.match(redis.call('HGET', positions, source) or '-1', '^%-?%d+'))
  if stored < after then return { 'rewound', stored, relations_count() } end
  if offset <= stored then return { 'known', stored, relations_count() } end
end

local function is_stronger(stamp, than)
  local at, other_at = math.abs(stamp), math.abs(than)
  return at > other_at or (at == other_at and stamp < than)
end

local facts = cjson.decode(ARGV[7])
local added, changed = 0, false
for index = 1, #facts, 4 do
  local relation, left, right, stamp = facts[index], facts[index + 1], facts[index + 2], facts[index + 3]
  local key = prefix .. relation .. ':' .. left
  local known = redis.call('ZSCORE', key, right)
  if not known or is_stronger(stamp, tonumber(known)) then
    local score = string.format('%.0f', stamp)
    redis.call('ZADD', key, score, right)
    redis.call('ZADD', prefix .. relation .. '-of:' .. right, score, left)
    changed = true
    if not known then added = added + 1 end
  end
end

if source == '' then
  if changed then redis.call('HINCRBY', mark, 'imports', 1) end
elseif at ~= '' then
  redis.call('HSET', positions, source, ARGV[5] .. ' ' .. at)
end
return { 'merged', stored, redis.call('HINCRBY', mark, 'relations', added) }
