import { rmSync } from "node:fs";
import { join } from "node:path";
import { redisCommand, startRedis, type TestRedis, temporaryFolder } from "@realchat/presence-testing";
import type { Link } from "../network/link.ts";
import { startMaxMs } from "../patience.ts";
import type { FalseClock } from "../time/false-clock.ts";
import type { RedisPlace } from "./redis-place.ts";

/** One Redis that keeps its data over restarts, unless it shall come back empty. */
export class SingleRedis implements RedisPlace {
  readonly kind = "single";
  readonly target: { readonly host: string; readonly port: number };
  /** Its wall clock, where clocks can be stepped. */
  readonly clock: FalseClock | undefined;
  readonly #redis: TestRedis;
  readonly #folder: string;

  private constructor(redis: TestRedis, folder: string, clock: FalseClock | undefined) {
    this.clock = clock;
    this.#redis = redis;
    this.#folder = folder;
    this.target = { host: redis.host, port: redis.port };
  }

  static async start(clock: FalseClock | undefined): Promise<SingleRedis> {
    const folder = temporaryFolder("fault-redis").path;
    // Written with every command, synced never: a killed process loses nothing of it, only a killed machine would.
    const args = ["--appendonly", "yes", "--appendfsync", "no"];
    return new SingleRedis(
      await startRedis({ dir: folder, args, env: clock?.env, deadlineMs: startMaxMs }),
      folder,
      clock,
    );
  }

  freeze(): void {
    this.#redis.pause();
  }

  resume(): void {
    this.#redis.resume();
  }

  kill(): Promise<void> {
    return this.#redis.kill();
  }

  /** With all that it had. */
  startAgain(): Promise<void> {
    return this.#redis.restart();
  }

  /** Without anything. */
  async startEmpty(): Promise<void> {
    await this.#redis.kill();
    rmSync(join(this.#folder, "appendonlydir"), { recursive: true, force: true });
    await this.#redis.restart();
  }

  get pids(): readonly number[] {
    return [this.#redis.pid];
  }

  settings(link: Link): Record<string, string> {
    return { REDIS_URL: `redis://${link.address}` };
  }

  async flush(): Promise<void> {
    await this.#command("FLUSHALL");
  }

  async limitMemory(bytes: number): Promise<void> {
    await this.#command("CONFIG", "SET", "maxmemory", String(bytes));
  }

  stop(): Promise<void> {
    return this.#redis.stop();
  }

  #command(...words: string[]): Promise<unknown> {
    const { host, port } = this.#redis;
    return redisCommand({ host, port }, ...words);
  }
}
