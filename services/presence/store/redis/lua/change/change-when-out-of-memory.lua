#!lua flags=allow-oom
--[[ What change.lua does, when Redis is out of memory and refuses it: ending sessions frees some, and nobody may fall
due for want of it (P1). Not for registrations.
KEYS[1] deadlines      zset
KEYS[2] log            stream
KEYS[3] meta           hash
ARGV[1] live           channel  of this shard: hears of the log's new entries
ARGV[2] untilUs        integer  Redis time; when it is over nothing is changed: see domain/late-change.ts
ARGV[3] untilMs        integer  shard clock; the same
ARGV[4] traceparents   text     as change.lua takes them
ARGV[5...] changes     text     the same
Returns array          as change.lua answers ]]

-- #include change/decide
