-- Reads ZSETs, and collects the keys that hold something else, since another program wrote them.
--
-- Gives: unreadable, try

-- At most 100.
local unreadable = {}

local function is_wrong(key)
  local kind = redis.call('TYPE', key).ok
  return kind ~= 'zset' and kind ~= 'none'
end

-- Runs a command on keys that are to be ZSETs. Returns its reply, or nil when one of them is none.
local function try(keys, ...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not string.find(reply.err, '^WRONGTYPE') then error(reply) end
  for _, key in ipairs(keys) do
    if #unreadable < 100 and is_wrong(key) then unreadable[#unreadable + 1] = key end
  end
  return nil
end
