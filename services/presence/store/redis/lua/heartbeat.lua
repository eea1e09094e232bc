#!lua flags=allow-oom
--[[ Answers a heartbeat that found no deadline under its session_id, or came without one, after decideHeartbeat and
decideRevive in domain/decisions.ts; the usual heartbeat never comes here (see refresh-queue.ts).
KEYS[1] record         string   of the user
KEYS[2] deadlines      zset
KEYS[3] log            stream
KEYS[4] meta           hash
KEYS[5] live           channel  hears of the log's new entries
ARGV[1] user           id
ARGV[2] device         id
ARGV[3] session        id       well-formed; empty: a caller without tokens
Returns array          kind ("refreshed", "missing", "superseded"), session_id that was refreshed ]]

local record, deadlines, log, meta, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user_id, device_id, session_id = ARGV[1], ARGV[2], ARGV[3]

-- #include moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include record
-- #include causes
local text = redis.call('GET', record)
-- #include device
-- #include returning

local is_mine
if session_id ~= '' then
  is_mine = mark == '' and current_id == session_id
  if not is_mine then
    local order, connection_id = string.match(session_id, '^(%d+)%.?(.*)$')
    local is_old = is_outranked(tonumber(current_order), tombstones, tonumber(order), connection_id)
    return { is_old and 'superseded' or 'missing' }
  end
elseif mark == '' then
  is_mine = current_connection == ''
  if not is_mine then return { 'superseded' } end
end
if is_mine then
  -- GT: a heartbeat that overtook this one keeps its later deadline.
  redis.call('ZADD', deadlines, 'GT', string.format('%d', clock_ms + RULES.ttl_ms), user_id .. '\0' .. current_id)
  return { 'refreshed', current_id }
end

-- Its caller is alive and will never register again by itself: he ignores the answers to his heartbeats.
local ending, last_id, _, last_connection, instance_id = string.match(tombstones, '^' .. TOMBSTONE)
if mark or ending ~= EXPIRED or last_connection ~= '' then return { 'missing' } end
session_id = last_id
tombstones = unbury(tombstones, session_id)
contested_until_ms = clock_ms + RULES.memory_ms
-- #include seat
return { 'refreshed', session_id }
