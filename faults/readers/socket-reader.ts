import { pause, systemClock } from "@realchat/presence-runtime/clock";
import {
  connect,
  type SocketClient,
  type ToldFrame,
  toldUsers,
} from "../../services/delivery/testing/socket-client.ts";
import { type Belief, ReaderHistory } from "../history/reader-history.ts";

/** The dots of one page: a WebSocket of a Delivery gateway, by the JSON protocol, which connects again when it breaks. */
export class SocketReader {
  readonly history = new ReaderHistory("the page", "page");
  readonly #address: string;
  readonly #userId: string;
  readonly #stopped = new AbortController();
  readonly #watching: Promise<void>;
  #client: SocketClient | undefined;
  /** What the page shows of each user. Kept over a reconnect, as pages do. */
  readonly #dots = new Map<string, { readonly online: boolean; readonly version: number }>();
  /** What the present socket was told. */
  #hasSnapshot = false;
  #isStale = false;
  /** Whether the page may be relied on. */
  #isCurrent = false;

  /** @param options.userId who is to see everyone */
  constructor(options: { address: string; userId: string }) {
    this.#address = options.address;
    this.#userId = options.userId;
    this.#watching = this.#watchForEver();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#client?.socket.terminate();
    await this.#watching;
  }

  async #watchForEver(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#hasSnapshot = false;
        this.#isStale = false;
        const onFrame = (frame: ToldFrame) => this.#take(frame);
        const client = await connect({ address: this.#address, userId: this.#userId, onFrame });
        this.#client = client;
        if (signal.aborted) client.socket.terminate();
        if (client.end === undefined) await new Promise((resolve) => client.socket.once("close", resolve));
        this.#doubt("the socket is closed");
      } catch (error) {
        this.#doubt(String(error));
      }
      await pause(systemClock, 250, signal);
    }
  }

  #take(frame: ToldFrame): void {
    if (frame.type === "stale") this.#isStale = frame.stale;
    if (frame.type === "snapshot") this.#hasSnapshot = true;
    for (const { id, online, version } of toldUsers(frame)) {
      if (version < (this.#dots.get(id)?.version ?? 0)) continue;
      this.#dots.set(id, { online, version });
      if (this.#isCurrent) this.#state(id, online ? "online" : "offline", version, frame.type);
    }
    const isCurrent = this.#hasSnapshot && !this.#isStale;
    if (isCurrent && !this.#isCurrent) this.#settle();
    else if (!isCurrent && this.#isCurrent) this.#doubt("stale");
  }

  #settle(): void {
    this.#isCurrent = true;
    this.history.tellAvailability(systemClock.monotonicMs(), true, "shows dots");
    for (const [userId, { online, version }] of this.#dots) {
      this.#state(userId, online ? "online" : "offline", version, "the page is current");
    }
  }

  #doubt(why: string): void {
    this.#isCurrent = false;
    this.history.tellAvailability(systemClock.monotonicMs(), false, why);
    for (const userId of this.#dots.keys()) this.#state(userId, "unsure", 0, why);
  }

  #state(userId: string, belief: Belief, version: number, why: string): void {
    const atMs = systemClock.monotonicMs();
    this.history.statements.push({ atMs, sinceMs: atMs, userId, belief, version, why });
  }
}
