#!lua
--[[ Makes a session its device's current one, after decideRegister in domain/decisions.ts.
KEYS[1] record          string   of the user
KEYS[2] deadlines       zset
KEYS[3] log             stream
KEYS[4] meta            hash
KEYS[5] live            channel  hears of the log's new entries
ARGV[1] user            id
ARGV[2] device          id
ARGV[3] instance        id
ARGV[4] connection      id       empty: a caller without tokens
ARGV[5] previousOrder   integer  of previous_session_id; empty: none
Returns array           kind ("registered", "repeated", "ended", "superseded", "too-many-devices"), session_id,
                        the user's version; only the kind when refused ]]

local record, deadlines, log, meta, live = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local user_id, device_id, instance_id, connection_id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local previous_order = tonumber(ARGV[5])

-- #include moment
if not clock_ms then return redis.error_reply('NOCLOCK tick this shard first') end
-- #include record
-- #include causes
local text = redis.call('GET', record)
-- #include device

if connection_id ~= '' and sessions then
  if mark and current_connection == connection_id then
    if mark == GRACE then return { 'ended' } end
    redis.call('ZADD', deadlines, 'GT', string.format('%d', clock_ms + RULES.ttl_ms), user_id .. '\0' .. current_id)
    return { 'repeated', current_id, string.match(header, '^%d+') }
  end
  for ending, _, _, its_connection in string.gmatch(tombstones, TOMBSTONE) do
    if its_connection == connection_id then
      if ending == ENDED then return { 'ended' } end
      if ending == REPLACED then return { 'superseded' } end
      break
    end
  end
end

-- Its place in the order of the device's registrations; and could a late Unregister without session_id be meant for an
-- earlier session?
local order = math.max(now_us, begin_us)
local is_unclear = mark or clock_ms < begin_contested_until_ms
if mark then order = math.max(order, current_order + 1) end
if tombstones ~= '' then
  for _, _, its_order, _, _, ended_at_ms in string.gmatch(tombstones, TOMBSTONE) do
    order = math.max(order, its_order + 1)
    is_unclear = is_unclear or ended_at_ms + RULES.memory_ms > clock_ms
  end
end
-- A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
if previous_order then order = math.min(previous_order, order) end
local session_id = string.format(connection_id == '' and '%d' or '%d.%s', order, connection_id)
if previous_order then
  -- #include returning
  if is_outranked(tonumber(current_order), tombstones, order, connection_id) then return { 'superseded' } end
  tombstones = unbury(tombstones, session_id)
end

-- Devices that are only remembered, for longer than the memory, go when a new one would be too many.
if not sessions and others ~= '' then
  local _, count = string.gsub(others, '\n', '')
  if count >= RULES.max_devices then
    local kept = {}
    for line in string.gmatch(others, '\n[^\n]+') do
      local is_needed = string.find(line, ONLINE_LINE)
      for ended_at_ms in string.gmatch(line, '[^\t]+\31(%d+)') do
        is_needed = is_needed or ended_at_ms + RULES.memory_ms > clock_ms
      end
      if is_needed then kept[#kept + 1] = line end
    end
    if #kept >= RULES.max_devices then return { 'too-many-devices' } end
    others = table.concat(kept)
  end
end

contested_until_ms = connection_id == '' and is_unclear and clock_ms + RULES.memory_ms or 0
-- #include seat
return { 'registered', session_id, version }
