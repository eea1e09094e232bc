#!lua
--[[ Says of these users who is online: logs each whose version is below begin as RESTATED, with a new version that
becomes the record's. Refused when Redis is out of memory, for it takes some: the walk then waits, as for a full log.
KEYS[1] meta          hash
KEYS[2] log           stream
ARGV[1] begin         integer  of the shard, as the caller knows it
ARGV[2] fence         integer  of the lease that the caller believes to hold
ARGV[3] recordPrefix  prefix   of the records of this shard, whose hash tag it shares
ARGV[4] live          channel  of this shard: hears of the log's new entries
ARGV[5...] records    keys     of the users
Returns integer       how many were restated; -1 when the log is over half its cap, -2 when begin or fence are no longer
                      the shard's: then none ]]

local meta, log = KEYS[1], KEYS[2]
local duty_begin, duty_fence, record_prefix, live = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- #include restating/duty
if not is_current then return -2 end
-- The other half is for what happens meanwhile: restating must never be what the log runs over with.
if redis.call('XLEN', log) * 2 > RULES.log_max_entries + 0 then return -1 end
-- What is no string is no record: false.
local texts = redis.call('MGET', unpack(ARGV, 5))
-- #include tick/moment
-- #include digits
-- #include log/appended
-- #include log/causes

-- Captures device_id and instance_id of the first device with a live session, and with one in grace.
local LIVE_DEVICE = '\n([^\t\n]+)\t%d[^\31\t\n]*\31([^\31\t\n]+)'
local GRACED_DEVICE = '\n([^\t\n]+)\tg%d[^\31\t\n]*\31([^\31\t\n]+)'
local ONLINE = '\0001\0' .. CAUSE_RESTATED .. '\0'
local restated = 0
for number = 1, #texts do
  local text = texts[number]
  -- The record of who is offline begins with a minus. Of one that cannot be read nothing is said.
  local version = text and string.match(text, '^%d+')
  if version and version + 0 < duty_begin + 0 then
    local device_id, instance_id = string.match(text, LIVE_DEVICE)
    if not device_id then device_id, instance_id = string.match(text, GRACED_DEVICE) end
    if device_id then
      local record = ARGV[4 + number]
      local user_id = string.sub(record, #record_prefix + 1)
      local told_as = ''
      local others = string.match(text, '^%d+ ?%d*(\30.*)$')
      if others then
        -- #include status/said
        -- #include status/status-of
        local told_after, idle_text = status_of(true, nil)
        -- #include status/told
      end
      local transition = user_id .. ONLINE .. device_id .. '\0' .. instance_id .. '\0000' .. told_as
      -- #include log/append
      -- What follows the version stays as it is, and versions have 16 digits until 2286.
      if #new_version == #version then
        redis.call('SETRANGE', record, 0, new_version)
      else
        redis.call('SET', record, new_version .. string.sub(text, #version + 1))
      end
      restated = restated + 1
    end
  end
end
-- #include log/announce
return restated
