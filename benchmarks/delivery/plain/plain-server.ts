import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Usage } from "../usage.ts";
import type { PlainNews, PlainOrder } from "./plain-process.ts";

/** A WebSocket server that does the obvious, in a process of its own. */
export class PlainServer {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(): Promise<PlainServer> {
    const child = fork(new URL("./plain-process.ts", import.meta.url));
    const [news] = (await once(child, "message")) as [PlainNews];
    if (news.kind !== "listening") throw new Error("the plain server did not begin to listen");
    return new PlainServer(child, news.port);
  }

  /** Sends each socket of the group a frame about the user. */
  tell(group: string, userId: string): void {
    this.#child.send({ kind: "tell", group, userId } satisfies PlainOrder);
  }

  async usage(): Promise<Usage> {
    const answer = once(this.#child, "message");
    this.#child.send({ kind: "usage" } satisfies PlainOrder);
    const [news] = (await answer) as [PlainNews];
    if (news.kind !== "usage") throw new Error("the plain server did not say what it uses");
    return news;
  }

  stop(): void {
    this.#child.kill();
  }
}
