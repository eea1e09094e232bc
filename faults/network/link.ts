import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { resetConnection } from "@realchat/presence-testing";
import type { Random } from "../random/random.ts";

/**
 * - `open`: bytes pass
 * - `cut`: connections are reset, new ones too
 * - `stalled`: connections stay and are accepted, and no byte passes; what was held passes afterwards
 * - `slow`: every chunk arrives later by `delayMs`, in order
 * - `flapping`: each chunk resets its connection with that probability
 */
export type LinkState =
  | { readonly kind: "open" | "cut" | "stalled" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "flapping"; readonly resetChance: number };

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** A TCP proxy on loopback between two parts of the system, which can be harmed without either of them. */
export class Link {
  readonly port: number;
  /** Where it leads to; may be changed, which new connections see. */
  target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Also those whose other half is gone already. */
  readonly #sockets = new Set<Socket>();
  readonly #random: Random;
  readonly #clock: Clock;
  #state: LinkState = { kind: "open" };

  private constructor(port: number, target: Link["target"], random: Random, clock: Clock) {
    this.port = port;
    this.target = target;
    this.#random = random;
    this.#clock = clock;
    this.#server = createServer({ noDelay: true }, (near) => this.#accept(near));
  }

  /** @param port on loopback, of its own */
  static async open(port: number, target: Link["target"], random: Random, clock: Clock = systemClock): Promise<Link> {
    const link = new Link(port, target, random, clock);
    await new Promise<void>((resolve, reject) => {
      link.#server.once("error", reject);
      link.#server.listen(port, "127.0.0.1", resolve);
    });
    return link;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  turn(state: LinkState): void {
    this.#state = state;
    for (const pair of [...this.#pairs]) {
      if (state.kind === "cut") reset(pair);
      else for (const socket of [pair.near, pair.far]) state.kind === "stalled" ? socket.pause() : socket.resume();
    }
  }

  async close(): Promise<void> {
    // Also those that are accepted while it closes.
    this.turn({ kind: "cut" });
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    near.on("error", () => {});
    if (this.#state.kind === "cut") {
      resetConnection(near);
      return;
    }
    const far = dial({ ...this.target, noDelay: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    this.#carry(pair, near, far);
    this.#carry(pair, far, near);
    if (this.#state.kind === "stalled") for (const socket of [near, far]) socket.pause();
  }

  #carry(pair: Pair, from: Socket, to: Socket): void {
    this.#sockets.add(from);
    /** What has yet to arrive: the eldest first, also when the link is slow no more. */
    const late: Buffer[] = [];
    const pass = () => {
      const eldest = late.shift();
      if (eldest !== undefined && to.writable && !to.write(eldest)) from.pause();
    };
    from.on("data", (chunk) => {
      const state = this.#state;
      if (state.kind === "flapping" && this.#random.chance(state.resetChance)) return reset(pair);
      late.push(chunk);
      const delayMs = state.kind === "slow" ? state.delayMs : 0;
      if (delayMs > 0 || late.length > 1) this.#clock.after(delayMs, pass);
      else pass();
    });
    from.on("end", () => to.end());
    from.on("error", () => resetConnection(to));
    from.on("close", () => {
      this.#sockets.delete(from);
      this.#pairs.delete(pair);
      to.destroy();
    });
    to.on("drain", () => {
      if (this.#state.kind !== "stalled") from.resume();
    });
  }
}

function reset({ near, far }: Pair): void {
  resetConnection(near);
  resetConnection(far);
}
