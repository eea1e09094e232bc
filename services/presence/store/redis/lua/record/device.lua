-- Cuts a record around one device.
--
-- text: the record, false if there is none.
-- minus, version (nil if there is no record), last_seen_ms: of the header.
-- others: the lines of the other devices.
-- sessions_from, sessions_to: where the sessions of this device are, nil if it is not there.
-- mark (nil if none), current_id, current_instance, contested_until_ms, current_lease ('' if none): of its current session.
-- own_activity: what that said of whether somebody uses it: sequence, SP, since when nobody does; '' if nothing.
-- tombstones: '' if none.
-- has_status: whether there is a status part; others begins with it.
--
-- Needs: text, HEADER, MAX_VERSION, device_id
-- Gives: minus, version, last_seen_ms, others, sessions_from, sessions_to, tombstones, mark, current_id,
--   current_instance, contested_until_ms, current_lease, own_activity, has_status

local minus, version, last_seen_ms
local others, sessions_from, sessions_to, tombstones = '', nil, nil, ''
local mark, current_id, current_instance, contested_until_ms, current_lease
local own_activity = ''
local has_status = false
if text then
  local _, header_end
  _, header_end, minus, version, last_seen_ms = string.find(text, HEADER)
  local next_byte = version and string.byte(text, header_end + 1)
  if next_byte == 30 then
    has_status = true
  elseif next_byte and next_byte ~= 10 then
    version = nil
  end
  if not version or version + 0 > MAX_VERSION or #last_seen_ms > 16 then
    error('UNREADABLE is malformed in its header', 0)
  end
  local from, to = string.find(text, '\n' .. device_id .. '\t', header_end + 1, true)
  if not from then
    others = string.sub(text, header_end + 1)
  else
    local line_end = string.find(text, '\n', to, true) or #text + 1
    if header_end + 1 < from or line_end <= #text then
      others = string.sub(text, header_end + 1, from - 1) .. string.sub(text, line_end)
    end
    sessions_from, sessions_to = to + 1, line_end - 1
    mark = string.match(text, '^(g?)%d', sessions_from)
    local tombstones_from = sessions_from
    if mark then
      -- Plain finds: a pattern would take each character of the ids by itself.
      local current_end = math.min(string.find(text, '\t', sessions_from, true) or line_end, line_end)
      local id_end = string.find(text, '\31', sessions_from, true)
      if not id_end or id_end > current_end then error('UNREADABLE is malformed in a session', 0) end
      local instance_end, lease_from = string.find(text, '\31', id_end + 1, true), nil
      if instance_end and instance_end < current_end then
        contested_until_ms, lease_from = string.match(text, '^(%d*)\31?()', instance_end + 1)
        local lease_end = math.min(string.find(text, '\31', lease_from, true) or current_end, current_end)
        current_lease = string.sub(text, lease_from, lease_end - 1)
        if lease_end < current_end then own_activity = string.sub(text, lease_end + 1, current_end - 1) end
      else
        instance_end, contested_until_ms, current_lease = current_end, '', ''
      end
      current_id = string.sub(text, sessions_from + #mark, id_end - 1)
      current_instance = string.sub(text, id_end + 1, instance_end - 1)
      tombstones_from = current_end + 1
    elseif not string.find(text, '^[erx]%d', sessions_from) then
      error('UNREADABLE is malformed in what it says of a device', 0)
    end
    tombstones = string.sub(text, tombstones_from, sessions_to)
  end
end
