#!lua
--[[ Reads the directory's clock: Redis' own, but it never goes back, not even when Redis' does.
KEYS[1] mark   hash
ARGV[1] shown  integer  the latest that the caller told somebody, µs
Returns text   µs since 1970 ]]

local mark, shown = KEYS[1], tonumber(ARGV[1])
-- #include clock-now
local now = math.max(clock_now(), shown)
redis.call('HSET', mark, 'clock', string.format('%.0f', now))
return string.format('%.0f', now)
