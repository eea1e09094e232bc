-- Tells the version at which the shard of a hidden state began anew.
--
-- Needs: begins
-- Gives: begin_of

local function begin_of(hidden_state)
  local begin = redis.pcall('HGET', begins, string.match(hidden_state, '^%d*'))
  return type(begin) == 'string' and begin or '0'
end
