#!lua flags=no-writes
--[[ Which of some users a user has as contacts.
KEYS[1] mark        hash
ARGV[1] generation  text  that the caller knows
ARGV[2] prefix      text  of the relations' keys
ARGV[3] user        id
ARGV[4] others      json  array of at most 1,000 ids, not empty
Returns array       a 1 for each that is a contact, a 0 for each other, in the order given, as one text; an array of keys
                    that are unreadable: then nobody is ]]

local mark, generation, prefix, user = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
-- #include generation
-- #include reading

local key = prefix .. 'contact:' .. user
local others = cjson.decode(ARGV[4])
local stamps = try({ key }, 'ZMSCORE', key, unpack(others)) or {}
local reply = {}
for index = 1, #others do reply[index] = stamps[index] and tonumber(stamps[index]) > 0 and '1' or '0' end
return { table.concat(reply), unreadable }
