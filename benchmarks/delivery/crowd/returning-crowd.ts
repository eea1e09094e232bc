import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { ReturningNews, ReturningOrder } from "./returning-crowd-process.ts";

/** Clients that come back when their socket is closed, as long as there is somewhere to come to. */
export class ReturningCrowd {
  readonly #child: ChildProcess = fork(new URL("./returning-crowd-process.ts", import.meta.url));

  /** Where they open sockets from now on, each at one of these. */
  async route(addresses: readonly string[]): Promise<void> {
    await this.#ask({ kind: "route", addresses });
  }

  /** Opens a socket for each of these, at this pace. */
  async open(userIds: readonly string[], perSecond: number): Promise<void> {
    await this.#ask({ kind: "open", userIds, perSecond });
  }

  async count(): Promise<Extract<ReturningNews, { kind: "counts" }>> {
    const news = await this.#ask({ kind: "count" });
    if (news.kind !== "counts") throw new Error(`the crowd answered ${news.kind}`);
    return news;
  }

  stop(): void {
    this.#child.kill();
  }

  async #ask(order: ReturningOrder): Promise<ReturningNews> {
    const answer = once(this.#child, "message");
    this.#child.send(order);
    const [news] = (await answer) as [ReturningNews];
    return news;
  }
}
