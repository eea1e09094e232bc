#!lua flags=no-writes
--[[ Which of some users a viewer may see.
KEYS[1] mark        hash
ARGV[1] generation  text  that the caller knows
ARGV[2] prefix      text  of the relations' keys
ARGV[3] viewer      id
ARGV[4] users       json  array of at most 1,000 ids, not empty
Returns array       a 1 for each user that it may see, a 0 for each other, in the order given, as one text; an array of
                    keys that are unreadable: what they may say is taken for what hides ]]

local mark, generation, prefix, viewer = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
-- #include generation
-- #include reading
local users = cjson.decode(ARGV[4])

-- The users' stamps in a relation, false where there is none; nil: unreadable.
local function stamps(key) return try({ key }, 'ZMSCORE', key, unpack(users)) end
local function is_for(stamp) return stamp and tonumber(stamp) > 0 end
local function is_against(stamp) return stamp and tonumber(stamp) < 0 end

local seen = {}
local has, had = stamps(prefix .. 'contact:' .. viewer), stamps(prefix .. 'contact-of:' .. viewer)
if has and had then
  for index, user in ipairs(users) do seen[user] = is_for(has[index]) and is_for(had[index]) end
end

-- A ZSET of this size or less is a list (zset-max-listpack-entries): each lookup scans it.
local packed = 128
local member_of = prefix .. 'member-of:' .. viewer
for _, conversation in ipairs(try({ member_of }, 'ZRANGEBYSCORE', member_of, '(0', '+inf') or {}) do
  local key = prefix .. 'member:' .. conversation
  local size = try({ key }, 'ZCARD', key)
  if size and #users > 2 and size <= packed then
    for _, user in ipairs(redis.call('ZRANGEBYSCORE', key, '(0', '+inf')) do seen[user] = true end
  elseif size then
    for index, stamp in ipairs(stamps(key)) do
      if is_for(stamp) then seen[users[index]] = true end
    end
  end
end

local blocks, blocked = stamps(prefix .. 'block:' .. viewer), stamps(prefix .. 'block-of:' .. viewer)
local reply = {}
for index, user in ipairs(users) do
  local hidden = user == viewer or not blocks or not blocked or is_against(blocks[index]) or is_against(blocked[index])
  reply[index] = seen[user] and not hidden and '1' or '0'
end
return { table.concat(reply), unreadable }
