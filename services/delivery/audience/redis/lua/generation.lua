-- Refuses data of another generation: they are not those that the caller has read.
--
-- Needs: mark, generation

if redis.call('HGET', mark, 'generation') ~= generation then
  return redis.error_reply('GENERATION the data are not those that were there before')
end
