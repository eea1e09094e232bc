-- The body of change.lua and change-when-out-of-memory.lua: decides about changes one after the other. Whatever can fail
-- in one does so before it writes, or after an entry of the log that is announced; the others go on.

local deadlines, log, meta = KEYS[1], KEYS[2], KEYS[3]
local live, late_after_us, late_after_ms, traceparents = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- Written last, when it would be too late to fail.
if type(redis.pcall('ZCARD', deadlines)) == 'table' then
  return redis.error_reply('FOREIGN ' .. deadlines .. ' is a ' .. redis.call('TYPE', deadlines).ok .. ', not a zset')
end
-- #include tick/moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include tick/in-time
-- #include digits
-- #include log/appended

-- All keys of the shard begin so. It is joined to names where they are needed: each call pays for every outer local that
-- `decide` mentions.
local shard_prefix = string.sub(deadlines, 1, -1 - #'deadlines')

local function decide(kind, user_id, device_id, first, second, third, fourth)
  -- #include record/record
  -- #include log/causes
  local record = shard_prefix .. 'u:' .. user_id
  -- #include record/fetch
  -- #include record/device
  if kind == 'register' or kind == 'verify' then
    local instance_id, connection_id, place, lease_id = first, second, third, fourth
    -- #include change/register
  elseif kind == 'unregister' then
    local session_id, reason = first, second
    -- #include change/unregister
  elseif kind == 'close' then
    local session_id, why, block_ms = first, second, third
    -- #include change/close
  elseif kind == 'claim' or kind == 'unclaim' then
    local claim_id, said, ends_ms, set_ms = first, second, third, fourth
    -- #include status/claim
  else
    local session_id, instance_id, lease_id, activity = first, second, third, fourth
    -- #include change/heartbeat
  end
end

local answers = {}
for index = 5, #ARGV, 7 do
  if traceparents ~= '' then besides.trace = string.match(traceparents, '\n' .. #answers + 1 .. ' ([^\n]+)') end
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
