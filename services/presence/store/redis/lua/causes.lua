-- Why a user came or left, by the number in the contract's TransitionCause.

local CONNECTED, DISCONNECTED, LOGGED_OUT, CONNECTION_LOST, TIMED_OUT = '1', '2', '3', '4', '5'
