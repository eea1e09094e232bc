-- Whether the shard's begin and its publisher are still those that the caller restates for. duty_begin, duty_fence: as
-- text.
--
-- Needs: meta, duty_begin, duty_fence
-- Gives: is_current

local its_begin, its_fence = unpack(redis.call('HMGET', meta, 'begin', 'fence'))
local is_current = its_begin == duty_begin and its_fence == duty_fence
