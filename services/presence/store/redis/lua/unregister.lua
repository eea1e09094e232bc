#!lua flags=allow-oom
--[[ Ends a session or leaves it in grace, after decideUnregister in domain/decisions.ts. Allowed when Redis is out of
memory: it frees some.
KEYS[1] record         string   of the user
KEYS[2] deadlines      zset
KEYS[3] log            stream
KEYS[4] meta           hash
KEYS[5] live           channel  hears of the log's new entries
ARGV[1] user           id
ARGV[2] device         id
ARGV[3] session        id       empty: a caller without tokens
ARGV[4] reason         name     DisconnectReason
Returns text           "ended", "grace", "absent", "fenced" or "contested" ]]

local record, deadlines, log, meta, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user_id, device_id, session_id, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- #include moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include record
-- #include causes
local text = redis.call('GET', record)
-- #include device

if not mark then return 'absent' end
if session_id == '' then
  if current_connection ~= '' then return 'fenced' end
  if contested_until_ms ~= '' and tonumber(contested_until_ms) > clock_ms then return 'contested' end
elseif session_id ~= current_id then
  return 'fenced'
end

local is_lost = reason == 'CONNECTION_LOST' or reason == 'SERVER_DRAIN'
if is_lost and mark == GRACE then return 'absent' end
if is_lost and RULES.grace_ms > 0 then
  local until_ms = clock_ms + RULES.grace_ms
  local deadline_ms = redis.call('ZSCORE', deadlines, user_id .. '\0' .. current_id)
  if deadline_ms then until_ms = math.min(until_ms, deadline_ms) end
  local version, last_seen_ms = string.match(header, '^(%d+) ?(%d*)$')
  header = string.format('%s %d', version, math.max(tonumber(last_seen_ms) or 0, now_ms))
  redis.call('SET', record, header .. others .. '\n' .. device_id .. '\t' .. GRACE .. sessions)
  -- #include drop-deadline
  redis.call('ZADD', deadlines, until_ms, user_id .. '\0\0' .. device_id)
  return 'grace'
end

local ending = ENDED
local cause = is_lost and CONNECTION_LOST or reason == 'LOGGED_OUT' and LOGGED_OUT or DISCONNECTED
local seen_ms = mark == GRACE and 0 or now_ms
-- #include unseat
return 'ended'
