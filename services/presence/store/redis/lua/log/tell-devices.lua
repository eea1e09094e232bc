-- Tells that the user's devices changed without a transition.
--
-- Needs: user_id, besides

local told = besides.devices or {}
told[#told + 1] = user_id
besides.devices = told
