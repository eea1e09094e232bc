#!lua
--[[ Decides about sessions of one shard: each change for itself, in the order given, all at one moment.
KEYS[1] deadlines      zset
KEYS[2] log            stream
KEYS[3] meta           hash
ARGV[1] live           channel  of this shard: hears of the log's new entries
ARGV[2] untilUs        integer  Redis time; when it is over nothing is changed: see domain/late-change.ts
ARGV[3] untilMs        integer  shard clock; the same
ARGV[4] traceparents   text     of those who are traced: LF, which change, from 1, SP, the traceparent of who asks
ARGV[5...] changes     text     seven each: "register", "verify", "unregister", "close", "heartbeat", "claim" or "unclaim",
                                user, device ('' of claims), and what that takes
Returns array          an answer each, text: see register.lua, unregister.lua, close.lua, heartbeat.lua, status/claim.lua;
                                or its error ]]

-- #include change/decide
