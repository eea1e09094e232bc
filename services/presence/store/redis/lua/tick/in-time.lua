-- Refuses what is carried out too late, after isTooLate in domain/late-change.ts.
--
-- late_after_us, late_after_ms: when it is over by the wall clock, and by the shard clock; as text.
--
-- Needs: now_us, clock_ms, late_after_us, late_after_ms

if now_us > late_after_us + 0 or clock_ms > late_after_ms + 0 then
  local late_ms = math.max((now_us - late_after_us) / 1000, clock_ms - late_after_ms)
  return redis.error_reply(string.format('LATE by %d ms: nothing was changed', late_ms))
end
