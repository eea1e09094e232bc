import { startPresence, type TestPresence } from "@realchat/presence-testing";
import type { Link } from "../network/link.ts";
import { startMaxMs } from "../patience.ts";
import type { FalseClock } from "../time/false-clock.ts";

/** A place for a presence node, whose addresses and links stay while processes come and go. */
export class NodeSlot {
  readonly index: number;
  readonly redisLink: Link;
  readonly kafkaLink: Link;
  /** From each gateway, and from the readers. */
  readonly callerLinks: readonly Link[];
  /** Its wall clock, where clocks can be stepped. */
  readonly clock: FalseClock | undefined;
  readonly #env: Readonly<Record<string, string>>;
  #process: TestPresence | undefined;

  constructor(options: {
    index: number;
    redisLink: Link;
    kafkaLink: Link;
    callerLinks: readonly Link[];
    clock: FalseClock | undefined;
    env: Readonly<Record<string, string>>;
  }) {
    this.index = options.index;
    this.redisLink = options.redisLink;
    this.kafkaLink = options.kafkaLink;
    this.callerLinks = options.callerLinks;
    this.clock = options.clock;
    this.#env = { ...options.env, ...options.clock?.env };
  }

  get name(): string {
    return `node ${this.index}`;
  }

  async start(until: "ready" | "live" = "live"): Promise<void> {
    // A store that was emptied before must not look as if nothing had been lost.
    const node = await startPresence({ env: this.#env, until, recovers: true, deadlineMs: startMaxMs });
    this.#process = node;
    const port = Number(node.grpcAddress.split(":").at(-1));
    for (const link of this.callerLinks) link.target = { host: "127.0.0.1", port };
  }

  freeze(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** In good order. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Of the process that it has now. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  logs(): string {
    return this.#process?.logs() ?? "";
  }
}
