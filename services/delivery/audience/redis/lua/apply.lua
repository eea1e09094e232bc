#!lua
--[[ Merges facts: each relation keeps the strongest stamp, as stampAfter in facts.ts; each user's policy, as
policyStampAfter. With the batch's last facts its
position is stored.
KEYS[1] mark        hash
KEYS[2] positions   hash
ARGV[1] generation  text     that the caller knows
ARGV[2] prefix      text     of the relations' keys
ARGV[3] source      text     empty: an import
ARGV[4] after       integer  offset that the batch goes on from; -1: the source's start
ARGV[5] offset      integer  of the batch's last record
ARGV[6] at          integer  of that record; empty: more facts of this batch follow
ARGV[7] facts       json     relation, left, right, stamp, offset, earlier, and again
Returns array       kind ("merged", "known", "rewound"), the offset stored before, -1: none; how many relations there are;
                    an array of keys that are unreadable: what they should have taken in is passed over ]]

local mark, positions, generation, prefix = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local source, after, offset, at = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
-- #include generation
-- #include reading

local function relations_count() return tonumber(redis.call('HGET', mark, 'relations')) or 0 end

local stored = -1
if source ~= '' then
  local position = redis.pcall('HGET', positions, source)
  -- A malformed position counts as none: the source is read again from the start.
  if type(position) == 'string' and string.find(position, '^%d+ %d+$') then
    stored = tonumber(string.match(position, '^%d+'))
  end
  if stored < after then return { 'rewound', stored, relations_count(), unreadable } end
  if offset <= stored then return { 'known', stored, relations_count(), unreadable } end
end

local function is_stronger(stamp, than)
  local at, other_at = math.abs(stamp), math.abs(than)
  return at > other_at or (at == other_at and stamp < than)
end

-- The stamp of the relation afterwards; nil: unchanged.
local function stamp_after(stamp, earlier, known)
  if not known or is_stronger(stamp, known) then return stamp end
  -- This fact is later in the source of the known stamp.
  local follows_in_source = math.abs(known) <= earlier and (stamp > 0) ~= (known > 0)
  if not follows_in_source then return nil end
  return (stamp > 0 and 1 or -1) * (math.abs(known) + 1)
end

local added, changed, changed_policies = 0, false, {}

local function merge_policy(user, policy, stamp, earlier)
  local key = prefix .. 'policies'
  local stored_policy = try({ key }, 'HGET', key, user)
  if stored_policy == nil then return end
  local known = stored_policy and tonumber(string.match(stored_policy, '^%d+'))
  if known and stamp < known then
    if known > earlier then return end
    stamp = known + 1
  end
  local value = string.format('%.0f ', stamp) .. policy
  if value == stored_policy then return end
  redis.call('HSET', key, user, value)
  changed_policies[#changed_policies + 1] = user
  if not stored_policy then added = added + 1 end
end

local function merge_relation(relation, left, right, stamp, earlier)
  -- Where one end of the relation is unreadable, the other one still has it.
  local key, reverse = prefix .. relation .. ':' .. left, prefix .. relation .. '-of:' .. right
  local known = try({ key }, 'ZSCORE', key, right)
  if known == nil then known = try({ reverse }, 'ZSCORE', reverse, left) or false end
  local new = stamp_after(stamp, earlier, known and tonumber(known))
  if not new then return end
  local score = string.format('%.0f', new)
  try({ key }, 'ZADD', key, score, right)
  try({ reverse }, 'ZADD', reverse, score, left)
  changed = true
  if not known then added = added + 1 end
end

local facts = cjson.decode(ARGV[7])
for index = 1, #facts, 6 do
  local relation, left, right, stamp, offset, earlier = unpack(facts, index, index + 5)
  -- A fact that was applied before must not be applied after a later one.
  local is_applied = offset >= 0 and offset <= stored
  if not is_applied then
    if relation == 'policy' then merge_policy(left, right, stamp, earlier)
    else merge_relation(relation, left, right, stamp, earlier) end
  end
end

-- A counter that another program overwrote starts again.
local function count(field, by)
  local reply = redis.pcall('HINCRBY', mark, field, by)
  if type(reply) == 'number' then return reply end
  redis.call('HSET', mark, field, by)
  return by
end

-- Redis tells nobody: other gateways look for them.
local function tell_changed_policies()
  if #changed_policies == 0 then return end
  local list = prefix .. 'changed-policies'
  if redis.call('TYPE', list).ok ~= 'list' then redis.call('DEL', list) end
  for _, user in ipairs(changed_policies) do redis.call('LPUSH', list, user) end
  redis.call('LTRIM', list, 0, 99)
  count('policy-changes', #changed_policies)
end

if source == '' then
  if changed then count('imports', 1) end
  tell_changed_policies()
elseif at ~= '' then
  if redis.call('TYPE', positions).ok ~= 'hash' then redis.call('DEL', positions) end
  redis.call('HSET', positions, source, ARGV[5] .. ' ' .. at)
end
return { 'merged', stored, count('relations', added), unreadable }
