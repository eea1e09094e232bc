-- Tells whether a user is visible, by the policy that is stored. What cannot be read hides.
--
-- Needs: policies
-- Gives: is_visible

local function is_visible(of_user)
  local stored = redis.pcall('HGET', policies, of_user)
  if not stored then return true end
  if type(stored) ~= 'string' then return false end
  return string.find(stored, '^%d+ $') ~= nil or string.find(stored, '^%d+ {"invisible":false,') ~= nil
end
