import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { CrowdNews, CrowdOrder } from "./crowd-process.ts";

/** Clients that only receive, in a process of their own. */
export class Crowd {
  readonly #child: ChildProcess = fork(new URL("./crowd-process.ts", import.meta.url));

  /** Opens a socket for each of these, at this pace; resolves when all are open. */
  async open(urls: readonly string[], perSecond: number): Promise<void> {
    await this.#ask({ kind: "open", urls, perSecond });
  }

  /**
   * Runs what is to reach so many of the sockets, with one frame each.
   * @returns wall clock, µs, when the last of them received the user
   */
  async untilTold(userId: string, frames: number, run: () => Promise<void>): Promise<number> {
    await this.#ask({ kind: "await", userId, frames });
    const reached = this.#next();
    await run();
    const news = await reached;
    return news.kind === "reached" ? news.atUs : Number.POSITIVE_INFINITY;
  }

  /** Closes all sockets with this code; resolves when they are closed. */
  async close(code: number): Promise<void> {
    await this.#ask({ kind: "close", code });
  }

  stop(): void {
    this.#child.kill();
  }

  async #ask(order: CrowdOrder): Promise<CrowdNews> {
    const answer = this.#next();
    this.#child.send(order);
    return answer;
  }

  async #next(): Promise<CrowdNews> {
    const [news] = (await once(this.#child, "message")) as [CrowdNews];
    if (news.kind === "failed") throw new Error(`a client of the crowd failed: ${news.reason}`);
    return news;
  }
}

/** Where a user's socket opens at this address; it may begin with `wss://`. */
export function socketUrl(address: string, userId: string, more: Readonly<Record<string, string>> = {}): string {
  const server = address.includes("://") ? address : `ws://${address}`;
  return `${server}/ws?${new URLSearchParams({ user_id: userId, device_id: "phone", ...more })}`;
}
