if redis.call('HGET', mark, 'generation') ~= generation then
  return redis.error_reply('GENERATION the data are not those that were there before')
end
