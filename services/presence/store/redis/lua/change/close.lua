-- Closes sessions of a user, and blocks what is not to come back, after decideClosing in domain/block.ts.
--
-- device_id: '' for every one.
-- session_id: '' for whichever.
-- block_ms: for how long the user or the device is blocked, '' for not at all.
-- decide: ends one session.
--
-- Needs: decide, text, user_id, device_id, session_id, why, block_ms, clock_ms, shard_prefix, blocks_end_ms,
--   digits_of, besides
-- Changes: blocks_end_ms
--
-- Returns "too-many-blocks"; or "closed", and of each session that was HT, device, HT, session_id.

local block_ends = shard_prefix .. 'blocks:ends'
if redis.call('ZCARD', block_ends) >= RULES.max_blocks then return 'too-many-blocks' end

local found, told, ends = {}, {}, {}
-- What is blocked, and until when, in turn as ZADD takes it.
local last_ms = clock_ms + (block_ms == '' and RULES.closed_memory_ms or tonumber(block_ms))
local function block(subject)
  ends[#ends + 1] = digits_of(last_ms)
  ends[#ends + 1] = subject
end

-- Captures device, session_id and lease_id of a current session.
local CURRENT_OF_DEVICE = '\n([^\t\n]+)\tg?(%d[^\31\t\n]*)\31[^\31\t\n]*\31?%d*\31?([^\31\t\n]*)'
for its_device, its_id, its_lease in string.gmatch(text or '', CURRENT_OF_DEVICE) do
  if (device_id == '' or its_device == device_id) and (session_id == '' or its_id == session_id) then
    found[#found + 1] = its_device .. '\t' .. its_id
    if its_lease ~= '' then
      told[#told + 1] = table.concat({ 'closed', its_lease, user_id, its_device, its_id, block_ms, why }, '\0')
    end
    local connection_id = string.match(its_id, '^%d+%.(.+)$')
    if block_ms ~= '' then
      if session_id ~= '' then block(user_id .. '\0' .. its_device) end
    elseif connection_id then
      block(user_id .. '\0' .. its_device .. '\0' .. connection_id)
    end
  end
end
if block_ms ~= '' and session_id == '' then block(device_id == '' and user_id or user_id .. '\0' .. device_id) end

if ends[1] then
  local reasons = {}
  for index = 1, #ends, 2 do
    reasons[index], reasons[index + 1] = ends[index + 1], ends[index] .. ' ' .. why
  end
  redis.call('ZADD', block_ends, unpack(ends))
  redis.call('HSET', shard_prefix .. 'blocks', unpack(reasons))
  blocks_end_ms = math.max(blocks_end_ms, last_ms)
  redis.call('HSET', shard_prefix .. 'meta', 'blocks_end', digits_of(blocks_end_ms))
end
-- By device: all stores name the same one as the last, which takes the user offline.
table.sort(found)
for _, session in ipairs(found) do
  local its_device, its_id = string.match(session, '^([^\t]+)\t(.+)$')
  decide('unregister', user_id, its_device, its_id, 'FORCED', '', '')
end
local notices = besides.notices or {}
for _, notice in ipairs(told) do notices[#notices + 1] = notice end
if notices[1] then besides.notices = notices end
return table.concat({ 'closed', unpack(found) }, '\t')
