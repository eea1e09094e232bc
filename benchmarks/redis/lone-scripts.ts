import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { Identity } from "../load/identities.ts";
import { type MeasuredRedis, type PlainClient, startMeasuredRedis } from "./measured-redis.ts";

/** As change.lua: the keys of a shard, and who follows it. */
const [deadlines, log, meta, live] = ["deadlines", "log", "meta", "live"].map((name) => `bare:{00}:${name}`) as [
  ...[string, string, string, string],
];

const nothing = "#!lua\nreturn 1";
/**
 * The commands that the promises take, and nothing decided: both clocks (P2, P6), the record before and after (P7), the log
 * (P3, P4), the deadline (P2), the number of users online, and what followers hear.
 */
const commands = `#!lua
local time = redis.call('TIME')
local clock = redis.call('HMGET', KEYS[3], 'clock', 'ticked', 'begin', 'begin_clock', 'blocks_end', 'order_ahead', 'order_level')
local record = redis.call('GET', ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000', '*', 'e', ARGV[3])
if ARGV[2] == 'come' then
  redis.call('SET', ARGV[1], ARGV[4])
  redis.call('ZADD', KEYS[1], ARGV[5], ARGV[6])
  redis.call('HINCRBY', KEYS[3], 'online', '1')
else
  redis.call('SET', ARGV[1], ARGV[4], 'PX', '86400000')
  redis.call('ZREM', KEYS[1], ARGV[6])
  redis.call('HINCRBY', KEYS[3], 'online', '-1')
end
redis.call('SPUBLISH', ARGV[7], ARGV[3])
return 1`;

/** What no store on scripts can go below, with a Redis and a follower of its own: scripts of which each waits for the one before. */
export class LoneScripts {
  readonly redis: MeasuredRedis;
  readonly #follower: PlainClient;
  readonly #nothing: string;
  readonly #commands: string;

  private constructor(redis: MeasuredRedis, follower: PlainClient, hashes: readonly [string, string]) {
    this.redis = redis;
    this.#follower = follower;
    [this.#nothing, this.#commands] = hashes;
  }

  static async start(): Promise<LoneScripts> {
    const redis = await startMeasuredRedis();
    const follower = redis.client.duplicate();
    await follower.connect();
    await follower.sSubscribe(live, () => {});
    // As a shard has it: a table (lua/tick/own-keys.lua).
    const fields = ["clock", "ticked", "begin", "begin_clock", "order_ahead", "order_level", "online"];
    const note = "a value of more than 64 bytes, for which Redis keeps a hash as a table of fields";
    await redis.client.hSet(meta, { ...Object.fromEntries(fields.map((field) => [field, "1790000000000"])), note });
    const load = (source: string) => redis.client.scriptLoad(source);
    return new LoneScripts(redis, follower, [await load(nothing), await load(commands)]);
  }

  /** Two scripts that take a change's arguments and do nothing. */
  async doNothing(who: Identity): Promise<void> {
    for (const what of ["come", "go"] as const) await this.#run(this.#nothing, what, who);
  }

  /** Two scripts that make the commands of a registration and of its end, and decide nothing. */
  async comeAndGo(who: Identity): Promise<void> {
    for (const what of ["come", "go"] as const) await this.#run(this.#commands, what, who);
  }

  async stop(): Promise<void> {
    this.#follower.destroy();
    await this.redis.stop();
  }

  async #run(hash: string, what: "come" | "go", { userId, deviceId, connectionId, instanceId }: Identity) {
    const version = String(clock.nowUs());
    const isOnline = what === "come";
    const entry = [userId, isOnline ? 1 : 0, isOnline ? 1 : 2, deviceId, instanceId, version.slice(0, 13)].join("\0");
    const session = `${version}.${connectionId}\x1f${instanceId}`;
    const record = isOnline
      ? `${version} ${version.slice(0, 13)}\n${deviceId}\t${session}`
      : `-${version} ${version.slice(0, 13)}\n${deviceId}\te${session}\x1f${version.slice(0, 13)}`;
    const member = `${userId}\0${connectionId}`;
    const args = [`bare:{00}:u:${userId}`, what, entry, record, version.slice(0, 13), member, live];
    await this.redis.client.sendCommand(["EVALSHA", hash, "3", deadlines, log, meta, ...args]);
  }
}
