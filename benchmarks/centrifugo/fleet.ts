import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { FleetClient, FleetNews, FleetOrder } from "./fleet-process.ts";

/** Clients of either side, in a process of their own. */
export class Fleet {
  readonly #child: ChildProcess = fork(new URL("./fleet-process.ts", import.meta.url));

  /** Resolves when all are ready. */
  async open(clients: readonly FleetClient[], inFlight: number): Promise<void> {
    await this.#ask({ kind: "open", clients, inFlight });
  }

  /**
   * Runs what is to reach the clients in so many messages with this text.
   * @returns wall clock, µs, when each of them was there, in order
   */
  async untilTold(text: string, messages: number, run: () => Promise<void>): Promise<readonly number[]> {
    await this.#ask({ kind: "await", text, messages });
    const reached = this.#next("reached");
    await run();
    return (await reached).atUs;
  }

  /**
   * Runs what takes the clients' server away; each comes back as the web client does.
   * @param clients in the order in which they were opened: where they come back to
   * @param grey text of a message that shows somebody offline
   */
  async comeBack(
    clients: readonly FleetClient[],
    grey: string,
    run: () => Promise<void>,
  ): Promise<Extract<FleetNews, { kind: "back" }>> {
    await this.#ask({ kind: "come-back", clients, grey });
    const back = this.#next("back");
    await run();
    return back;
  }

  /** Each client sends pings while it runs. @returns how long each pong took, ms */
  async pinging(everyMs: number, run: () => Promise<void>): Promise<readonly number[]> {
    await this.#ask({ kind: "ping", everyMs });
    await run();
    const pinged = this.#next("pinged");
    this.#child.send({ kind: "stop-pinging" } satisfies FleetOrder);
    return (await pinged).tookMs;
  }

  /** Resolves when all are closed. */
  async close(code: number): Promise<void> {
    await this.#ask({ kind: "close", code });
  }

  stop(): void {
    this.#child.kill();
  }

  async #ask(order: FleetOrder): Promise<void> {
    const answer = once(this.#child, "message");
    this.#child.send(order);
    failIfFailed(((await answer) as [FleetNews])[0]);
  }

  async #next<Kind extends FleetNews["kind"]>(kind: Kind): Promise<Extract<FleetNews, { kind: Kind }>> {
    const [news] = (await once(this.#child, "message")) as [FleetNews];
    failIfFailed(news);
    if (news.kind !== kind) throw new Error(`the fleet said ${news.kind} where ${kind} was to come`);
    return news as Extract<FleetNews, { kind: Kind }>;
  }
}

function failIfFailed(news: FleetNews): void {
  if (news.kind === "failed") throw new Error(`a client of the fleet failed: ${news.reason}`);
}
