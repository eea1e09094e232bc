-- Refuses a shard whose own keys another program wrote, or that belongs to a store of another schema or shard count;
-- marks one that has no mark yet. Before all else: a clock must not move on while deadlines cannot be kept (P6).
-- schema, shards: as text.
--
-- member_count: of the deadlines; entry_count: of the log.
-- version_before: of its last entry.
-- its_schema: of the shard.
-- The others: fields of meta, false where there is none.
--
-- Needs: meta, deadlines, log, schema, shards
-- Gives: member_count, entry_count, version_before, its_schema, clock, ticked, begin, begin_clock, born, blocks_end, order_ahead,
--   order_jumped, order_level, online, restated, run_id, replid, incarnation, leased, data_since

local member_count, entry_count = redis.pcall('ZCARD', deadlines), redis.pcall('XLEN', log)
local version_before = 0
local clock, ticked, begin, begin_clock, born, blocks_end, order_ahead, order_jumped, order_level
local online, restated, run_id, replid, incarnation, leased, data_since
local its_schema
do
  local names = { 'schema', 'shards', 'clock', 'ticked', 'begin', 'begin_clock', 'born', 'blocks_end', 'order_ahead',
    'order_jumped', 'order_level', 'fence', 'online', 'restated', 'run_id', 'replid', 'incarnation', 'leased',
    'data_since', 'note' }
  local values = redis.pcall('HMGET', meta, unpack(names))
  local foreign = values.err and meta or type(member_count) == 'table' and deadlines or type(entry_count) == 'table' and log
  if foreign then
    local kind = ({ [meta] = 'hash', [deadlines] = 'zset', [log] = 'stream' })[foreign]
    return redis.error_reply('FOREIGN ' .. foreign .. ' is a ' .. redis.call('TYPE', foreign).ok .. ', not a ' .. kind)
  end
  for index, name in ipairs(names) do
    -- It and those after it are text.
    if name == 'run_id' then break end
    if values[index] and not string.find(values[index], '^-?%d+$') then
      return redis.error_reply('FOREIGN ' .. meta .. ' has a field ' .. name .. ' that is no number')
    end
  end
  clock, ticked, begin, begin_clock, born, blocks_end, order_ahead, order_jumped, order_level = unpack(values, 3, 11)
  online, restated, run_id, replid, incarnation, leased, data_since = unpack(values, 13)
  if clock and not ticked then
    return redis.error_reply('FOREIGN ' .. meta .. ' has a clock, and no field ticked')
  end
  local its_shards = values[2] or shards
  its_schema = values[1] or schema
  local is_known = its_schema == schema or its_schema == RULES.leased_schema or its_schema == RULES.status_schema
  if not is_known or its_shards ~= shards then
    return redis.error_reply('MARK ' .. its_schema .. ' ' .. its_shards)
  end
  if not values[1] or not values[2] then redis.call('HSET', meta, 'schema', schema, 'shards', shards) end
  if not values[20] then
    -- Redis searches a small hash from its first field to its last, for each field that a script asks for.
    local note = 'A value of more than 64 bytes: Redis keeps this hash as a table, where fields are found.'
    redis.call('HSET', meta, 'note', note)
  end
  local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if last then
    local ms, us = string.match(last[1], '^(%d+)-(%d+)$')
    version_before = ms * 1000 + us
  else
    -- #include log/state
    version_before = last_version
  end
  if version_before > 9007199254740991 then
    return redis.error_reply('FOREIGN ' .. log .. ' has an entry beyond all versions')
  end
end
