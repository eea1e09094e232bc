-- Adds an entry to the log, with the trace of the change if it has one: a field of its own, which nodes of before leave alone.
--
-- Needs: log, entry_id, transition, trace

if trace then
  redis.call('XADD', log, entry_id, 'e', transition, 't', trace)
else
  redis.call('XADD', log, entry_id, 'e', transition)
end
