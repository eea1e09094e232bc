-- Causes of a transition, by their number in the contract's TransitionCause.

local CAUSE_CONNECTED, CAUSE_DISCONNECTED, CAUSE_LOGGED_OUT, CAUSE_CONNECTION_LOST, CAUSE_EXPIRED = '1', '2', '3', '4', '5'
