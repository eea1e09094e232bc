-- Lets the order clock go on where the wall clock was stepped back, and jump to the begin, after tickOrderClock in
-- domain/order-clock.ts.
--
-- reckoned_us: what it reads at least; 0: the node cannot tell.
--
-- Needs: meta, now_us, order_us, order_ahead, order_jumped, order_level, reckoned_us, begun, begin_us, digits_of
-- Gives: order_ahead_us
-- Changes: order_us

local order_ahead_us = tonumber(order_ahead) or 0
local is_behind = reckoned_us > order_us + RULES.age_min_us
if is_behind or begun ~= '' then
  local level_us, jumped_us = tonumber(order_level) or 0, tonumber(order_jumped) or 0
  if is_behind then
    -- By how much the wall clock was stepped back, by what it would read now.
    local wall_us = reckoned_us - order_ahead_us
    if wall_us < level_us then wall_us = 2 * wall_us - level_us end
    local by_us = wall_us - now_us
    order_ahead_us, jumped_us, level_us = order_ahead_us + by_us, jumped_us - by_us, level_us - by_us
  end
  if begun ~= '' then
    if now_us >= level_us then jumped_us = now_us end
    level_us = math.max(level_us, 2 * begin_us - now_us)
  end
  order_us = now_us + order_ahead_us + math.max(0, math.floor((level_us - now_us) / 2))
  redis.call('HSET', meta, 'order_ahead', digits_of(order_ahead_us), 'order_jumped', digits_of(jumped_us),
    'order_level', digits_of(level_us))
end
