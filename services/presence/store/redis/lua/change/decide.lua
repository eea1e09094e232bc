-- The body of change.lua and change-when-out-of-memory.lua: decides about changes one after the other. Whatever can fail
-- in one does so before it writes, or after an entry of the log that is announced; the others go on.

local deadlines, log, meta = KEYS[1], KEYS[2], KEYS[3]
local record_prefix, live = ARGV[1], ARGV[2]

-- Written last, when it would be too late to fail.
local deadlines_type = redis.call('TYPE', deadlines).ok
if deadlines_type ~= 'zset' and deadlines_type ~= 'none' then
  return redis.error_reply('FOREIGN ' .. deadlines .. ' is a ' .. deadlines_type .. ', not a zset')
end
-- #include tick/moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
if now_us > tonumber(ARGV[3]) or clock_ms > tonumber(ARGV[4]) then
  local late_ms = math.max((now_us - ARGV[3]) / 1000, clock_ms - ARGV[4])
  return redis.error_reply(string.format('LATE by %d ms: nothing was changed', late_ms))
end
-- #include digits
-- #include log/append

-- All keys of the shard have its hash tag. In front of a lease_id: the ZSET of the sessions under it.
local shard_prefix = string.sub(deadlines, 1, -1 - #'deadlines')
local holders, lease_prefix = shard_prefix .. 'leases:holders', shard_prefix .. 'lease:'
-- What is blocked → when it is over, SP, the reason; and → when it is over. They need not be there.
local blocks, block_ends = shard_prefix .. 'blocks', shard_prefix .. 'blocks:ends'

local function decide(kind, user_id, device_id, ...)
  -- #include record/record
  -- #include log/causes
  local record = record_prefix .. user_id
  -- #include record/fetch
  -- #include record/device
  if kind == 'register' or kind == 'verify' then
    local instance_id, connection_id, place, lease_id = ...
    -- #include change/register
  elseif kind == 'unregister' then
    local session_id, reason = ...
    -- #include change/unregister
  elseif kind == 'close' then
    local session_id, why, block_ms = ...
    -- #include change/close
  else
    local session_id, instance_id, lease_id = ...
    -- #include change/heartbeat
  end
end

local answers = {}
for index = 5, #ARGV, 7 do
  local is_decided, answer = pcall(decide, unpack(ARGV, index, index + 6))
  if not is_decided then
    -- #include record/mark-unreadable
    answer = redis.error_reply(answer)
  end
  answers[#answers + 1] = answer
  -- Two sessions that begin in one call must not get the same order.
  now_us, order_us = now_us + 1, order_us + 1
end
-- #include log/announce
return answers
