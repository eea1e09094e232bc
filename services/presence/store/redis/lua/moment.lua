-- When a decision is taken: Redis TIME and the shard clock, each read once (domain/shard-clock.ts).

--- The clock ticks only while presence is able to listen: it never runs on for more than `cap_ms` after a tick.
local function read_moment(meta_key, cap_ms)
  local time = redis.call('TIME')
  local now_us = time[1] * 1000000 + time[2]
  local meta = redis.call('HMGET', meta_key, 'clock', 'ticked', 'begin', 'begin_clock')
  local moment = {
    now_us = now_us,
    now_ms = math.floor(now_us / 1000),
    clock_ms = tonumber(meta[1]),
    begin_us = tonumber(meta[3]) or 0,
    begin_clock_ms = tonumber(meta[4]),
  }
  if moment.clock_ms then
    local passed = math.max(0, moment.now_ms - tonumber(meta[2]))
    moment.clock_ms = moment.clock_ms + math.min(passed, tonumber(cap_ms))
  end
  return moment
end

--- As `read_moment`, for all but the tick: only the tick may start the clock of a shard that has none.
local function read_running_moment(meta_key, cap_ms)
  local moment = read_moment(meta_key, cap_ms)
  if not moment.clock_ms then
    error(redis.error_reply('NOCLOCK the clock of this shard never ticked: tick it first'))
  end
  return moment
end
