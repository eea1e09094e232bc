-- Begins the shard anew where nobody can prove that its store lost nothing since this node last saw it, after whyBegin
-- and beginOf in domain/recovery.ts. It is an entry of the log, so that all after it is above it.
--
-- known_incarnation: of the shard, as the node knows it; '' if it knows none.
-- ticked_version: of the log, by the tick that told it so.
-- seen_version: the highest that the node has seen.
-- fresh_incarnation: taken if the shard begins anew.
-- data_since: the version at which it began with nothing, as text; false if nobody saw that.
-- begun: why it did, '' if it did not.
--
-- Needs: meta, log, run_id, replid, born, publisher, clock_ms, begin_us, version_before, known_incarnation,
--   ticked_version, seen_version, fresh_incarnation, now_us, reckoned_ms, digits_of, appended
-- Gives: begun
-- Changes: incarnation, begin_us, clock_ms, begin_clock_ms, appended_version, data_since

local begun = ''
do
  local about_server = redis.call('INFO', 'server', 'replication')
  -- Found as plain text: a pattern would be tried at each of the 2,000 characters in front.
  local _, to = string.find(about_server, '\nrun_id:', 1, true)
  local its_run_id = string.match(about_server, '^%w+', to + 1)
  _, to = string.find(about_server, '\nmaster_replid:', to, true)
  local its_replid = string.match(about_server, '^%w+', to + 1)
  if not clock_ms then
    begun = 'empty'
  elseif not incarnation then
    begun = 'unproven'
  elseif its_run_id ~= run_id then
    begun = 'other_server'
  elseif its_replid ~= replid then
    begun = 'other_history'
  elseif known_incarnation == incarnation then
    if seen_version > version_before then begun = 'behind' end
  elseif known_incarnation ~= '' and ticked_version >= (tonumber(born) or 0) then
    begun = 'other_incarnation'
  end
  if begun ~= '' then
    incarnation = fresh_incarnation
    -- Another program may have taken out the last entry, but not the place that it had.
    -- #include log/state
    begin_us = math.max(now_us, last_version, seen_version, begin_us) + RULES.begin_lead_us
    -- One more: what ended in this very millisecond did so before.
    clock_ms = math.max(clock_ms or 0, reckoned_ms) + 1
    begin_clock_ms = clock_ms
    local version = digits_of(begin_us)
    local mark = '\0begin\0' .. version
    local entry_id = string.sub(version, 1, -4) .. '-' .. string.sub(version, -3)
    redis.call('XADD', log, 'MAXLEN', '~', RULES.log_max_entries, entry_id, 'e', mark)
    appended_version = begin_us
    appended[#appended + 1] = version
    appended[#appended + 1] = mark
    -- A fencing number that the lost past gave out must not come again, nor its holder save a cursor over entries that
    -- nobody published.
    redis.call('HSET', meta, 'run_id', its_run_id, 'replid', its_replid, 'incarnation', incarnation, 'born', version,
      'begin', version, 'begin_clock', digits_of(clock_ms), 'fence', version)
    if begun == 'empty' then
      data_since = version
      redis.call('HSET', meta, 'data_since', version)
    end
    redis.call('DEL', publisher)
  end
end
