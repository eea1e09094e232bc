#!lua flags=no-writes
--[[ Whom a viewer may see: contacts first, then the members of conversations, small ones first.
KEYS[1] mark        hash
ARGV[1] generation  text     that the caller knows
ARGV[2] prefix      text     of the relations' keys
ARGV[3] viewer      id
ARGV[4] limit       integer  users at most
Returns array       1 if there are more, else 0; an array of keys that are unreadable: what they may say is taken for what
                    hides; then the users ]]

local mark, generation, prefix = KEYS[1], ARGV[1], ARGV[2]
local viewer, limit = ARGV[3], tonumber(ARGV[4])
-- #include generation
-- #include reading

-- Left out: the viewer, users that block or are blocked, and users that were shown already.
local passed = { [viewer] = true }
for _, key in ipairs({ 'block:', 'block-of:' }) do
  local blocks = prefix .. key .. viewer
  local users = try({ blocks }, 'ZRANGEBYSCORE', blocks, '-inf', '(0')
  if not users then return { 0, unreadable } end
  for _, user in ipairs(users) do passed[user] = true end
end

local reply = { 0, unreadable }
-- Returns whether to go on.
local function show(user)
  if passed[user] then return true end
  if #reply > limit + 1 then
    reply[1] = 1
    return false
  end
  passed[user] = true
  reply[#reply + 1] = user
  return true
end

local contact, contact_of = prefix .. 'contact:' .. viewer, prefix .. 'contact-of:' .. viewer
local mutual = try({ contact, contact_of }, 'ZINTER', 2, contact, contact_of, 'AGGREGATE', 'MIN', 'WITHSCORES') or {}
for index = 1, #mutual, 2 do
  if tonumber(mutual[index + 1]) > 0 and not show(mutual[index]) then return reply end
end

local conversations = {}
local member_of = prefix .. 'member-of:' .. viewer
for _, conversation in ipairs(try({ member_of }, 'ZRANGEBYSCORE', member_of, '(0', '+inf') or {}) do
  local key = prefix .. 'member:' .. conversation
  local size = try({ key }, 'ZCARD', key)
  if size then table.insert(conversations, { key = key, size = size }) end
end
table.sort(conversations, function(a, b) return a.size < b.size end)

-- In pages: of a conversation far larger than the limit only the beginning is read.
local page = 1000
for _, conversation in ipairs(conversations) do
  for offset = 0, conversation.size, page do
    local members = redis.call('ZRANGEBYSCORE', conversation.key, '(0', '+inf', 'LIMIT', offset, page)
    for _, user in ipairs(members) do
      if not show(user) then return reply end
    end
    if #members < page then break end
  end
end
return reply
