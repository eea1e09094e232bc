#!lua
--[[ Decides about sessions of one shard: each change for itself, in the order given, all at one moment.
KEYS[1] deadlines      zset
KEYS[2] log            stream
KEYS[3] meta           hash
ARGV[1] live           channel  of this shard: hears of the log's new entries
ARGV[2] untilUs        integer  Redis time; when it is over nothing is changed: see domain/late-change.ts
ARGV[3] untilMs        integer  shard clock; the same
ARGV[4...] changes     text     eight each: "register", "verify", "unregister", "close", "heartbeat", "claim" or "unclaim",
                                user, device ('' of claims), what that takes, and the traceparent of who asks, '' for none
Returns array          an answer each, text: see register.lua, unregister.lua, close.lua, heartbeat.lua, status/claim.lua;
                                or its error ]]

-- #include change/decide
