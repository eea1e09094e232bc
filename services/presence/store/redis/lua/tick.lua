#!lua flags=allow-oom
--[[ Advances the clock of a shard and takes down sessions that are due, after decideExpire in domain/decisions.ts.
Allowed when Redis is out of memory: it frees some.
KEYS[1] meta           hash
KEYS[2] deadlines      zset     due: score <= the shard clock, never a caller's
KEYS[3] log            stream
KEYS[4] live           channel  hears of the log's new entries
ARGV[1] limit          integer  due members per call; 0: the clock only
ARGV[2] clockCapMs     integer  most that one tick advances the clock
ARGV[3] reckonedMs     integer  where a shard clock that is not there starts: what the caller last knew of it
ARGV[4] ttlMs          integer
ARGV[5] memoryMs       integer  of tombstones
ARGV[6] maxTombstones  integer  of a device
ARGV[7] retentionMs    integer  of an offline user's record
ARGV[8] logMaxEntries  integer
ARGV[9] recordPrefix   prefix   of the records of this shard, whose hash tag it shares
Returns array          clock in ms; due members dealt with (equal to limit: call again); how long the first was
                       overdue in ms; the log's last version and its length; deadlines left; users online ]]

local meta, deadlines, log, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, clock_cap_ms, reckoned_ms, ttl_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local memory_ms, max_tombstones, retention_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local log_max_entries, record_prefix = ARGV[8], ARGV[9]

-- #include moment
clock_ms = clock_ms or reckoned_ms
redis.call('HSET', meta, 'clock', string.format('%d', clock_ms), 'ticked', string.format('%d', now_ms))

-- #include record
-- #include log-state
-- #include append
-- #include deadlines

--- The device whose live session has this id.
local function find_device(text, session_id)
  local at = string.find(text, '\t' .. session_id .. '\31', 1, true)
  return at and string.match(string.sub(text, 1, at - 1), '[^\n]+$')
end

--- Takes down what fell due under a member of the deadlines.
-- @return false if the record knows nothing of it
local function expire(user_id, graced_device, due_session, deadline_ms)
  local record = record_prefix .. user_id
  local text = redis.call('GET', record)
  local device_id = graced_device or text and find_device(text, due_session)
  if not (text and device_id) then return false end
  local header, others, sessions = split_record(text, device_id)
  if not sessions then return false end
  local mark, session_id, _, _, instance_id = string.match(sessions, CURRENT)
  local ending, cause, seen_ms = EXPIRED, TIMED_OUT, nil
  if graced_device then
    if mark ~= GRACE then return false end
    ending, cause, seen_ms = ENDED, CONNECTION_LOST, 0
  else
    seen_ms = now_ms - math.max(0, clock_ms - (deadline_ms - ttl_ms))
  end
  -- #include unseat
  return true
end

local due = {}
if limit > 0 then due = redis.call('ZRANGEBYSCORE', deadlines, '-inf', clock_ms, 'WITHSCORES', 'LIMIT', 0, limit) end
for index = 1, #due, 2 do
  local member = due[index]
  local user_end = string.find(member, '\0', 1, true)
  local user_id, rest = string.sub(member, 1, user_end - 1), string.sub(member, user_end + 1)
  local graced_device = string.byte(rest) == 0 and string.sub(rest, 2) or nil
  if not expire(user_id, graced_device, rest, due[index + 1]) then redis.call('ZREM', deadlines, member) end
end

local last_version, length = read_log_state(log)
return {
  clock_ms,
  #due / 2,
  due[2] and clock_ms - due[2] or 0,
  last_version,
  length,
  redis.call('ZCARD', deadlines),
  tonumber(redis.call('HGET', meta, 'online') or 0),
}
