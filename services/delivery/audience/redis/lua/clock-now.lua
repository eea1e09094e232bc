-- Reads the directory's clock, µs since 1970.
--
-- Needs: mark
-- Gives: clock_now

local function clock_now()
  local time = redis.call('TIME')
  return math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), tonumber(redis.call('HGET', mark, 'clock')) or 0)
end
