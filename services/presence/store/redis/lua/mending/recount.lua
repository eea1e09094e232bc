#!lua flags=allow-oom
--[[ Holds the number of users online against a count of them. Differences that are the same at two counts in a row are
no change under way: then the number is set right. Allowed when Redis is out of memory: it takes none.
KEYS[1] meta           hash
KEYS[2] log            stream
ARGV[1] version        integer  of the log's last entry that the count takes in
ARGV[2] counted        integer  users online then
ARGV[3] seen           integer  difference at the count before
Returns array          1 if the log has nothing newer, so that the count is of now; by how much the number differs; 1 if
                       it was set right ]]

local meta, log = KEYS[1], KEYS[2]
-- #include log/state
local is_now = last_version == tonumber(ARGV[1])
local difference = (tonumber(redis.call('HGET', meta, 'online')) or 0) - ARGV[2]
local is_wrong = is_now and difference ~= 0 and difference == tonumber(ARGV[3])
if is_wrong then redis.call('HSET', meta, 'online', ARGV[2]) end
return { is_now and 1 or 0, difference, is_wrong and 1 or 0 }
