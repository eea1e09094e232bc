import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { CallFailure, type PresenceClient } from "./presence-client.ts";

/** A socket that a gateway holds. */
export interface Held {
  readonly userId: string;
  readonly deviceId: string;
  /** Empty for a gateway that knows only the existing contract. */
  readonly connectionId: string;
  /** Sent with heartbeats; empty for such a gateway. */
  sessionId: string;
  /** Monotonic ms, when the last heartbeat that was answered was sent and answered. */
  sentMs: number;
  answeredMs: number;
}

/**
 * A gateway as the contract asks it to be: heartbeats in batches, to whichever node answers, tried again at once when
 * one does not; what is missing is registered again. It writes down whatever a gateway should not have to see.
 */
export class Gateway {
  readonly #nodes: () => PresenceClient[];
  readonly #beatMs: number;
  readonly #held = new Set<Held>();
  readonly #stopping = new AbortController();
  readonly #beating: Promise<void>;
  #turn = 0;
  #sockets = 0;
  /** Sessions that presence had lost while they were held. */
  readonly missing: string[] = [];
  readonly superseded: string[] = [];
  /** Codes of calls that failed, and whatever else went wrong. */
  readonly failures = new Set<string>();

  /** @param nodes those that a gateway would find now */
  constructor(nodes: () => PresenceClient[], beatMs: number) {
    this.#nodes = nodes;
    this.#beatMs = beatMs;
    this.#beating = this.#beatForever();
  }

  /** Opens a socket and keeps it alive. @param tokens false: as a gateway that knows only the existing contract */
  async hold(userId: string, deviceId = "phone", tokens = true): Promise<Held> {
    const connectionId = tokens ? `socket-${++this.#sockets}` : "";
    const held: Held = { userId, deviceId, connectionId, sessionId: "", sentMs: 0, answeredMs: 0 };
    await this.#register(held);
    this.#held.add(held);
    return held;
  }

  /** Of the last round of heartbeats that was answered, monotonic ms. */
  get lastSentMs(): number {
    return Math.max(0, ...[...this.#held].map(({ sentMs }) => sentMs));
  }

  /** The sockets die without a word, and so does the gateway. @returns what it held */
  async vanish(): Promise<Held[]> {
    this.#stopping.abort();
    await this.#beating;
    return [...this.#held];
  }

  async #register(held: Held): Promise<void> {
    const { userId, deviceId, connectionId, sessionId } = held;
    const request = { userId, deviceId, instanceId: "gateway", connectionId, previousSessionId: sessionId };
    held.sentMs = systemClock.monotonicMs();
    const { answer } = await this.#persistently((node) => node.api.registerSession(request));
    held.answeredMs = systemClock.monotonicMs();
    if (connectionId !== "") held.sessionId = answer.sessionId;
  }

  async #beatForever(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#beat().catch((error) => {
        this.failures.add(String(error));
      });
      await pause(systemClock, this.#beatMs * (0.5 + systemClock.random()), signal);
    }
  }

  async #beat(): Promise<void> {
    const held = [...this.#held];
    const sessions = held.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId }));
    const { answer, sentMs } = await this.#persistently((node) => node.api.refreshSessions({ sessions }));
    const answeredMs = systemClock.monotonicMs();
    const lost = new Set([...answer.missing, ...answer.superseded].map(nameOf));
    for (const socket of held) if (!lost.has(nameOf(socket))) Object.assign(socket, { sentMs, answeredMs });
    this.superseded.push(...answer.superseded.map(nameOf));
    for (const socket of held.filter((socket) => answer.missing.some((one) => nameOf(one) === nameOf(socket)))) {
      this.missing.push(nameOf(socket));
      if (socket.connectionId !== "") await this.#register(socket);
    }
  }

  async #persistently<T>(call: (node: PresenceClient) => Promise<T>): Promise<{ answer: T; sentMs: number }> {
    const endMs = systemClock.monotonicMs() + patienceMs;
    while (!this.#stopping.signal.aborted && systemClock.monotonicMs() < endMs) {
      const nodes = this.#nodes();
      const node = nodes[this.#turn++ % Math.max(1, nodes.length)];
      const sentMs = systemClock.monotonicMs();
      try {
        if (node !== undefined) return { answer: await call(node), sentMs };
      } catch (error) {
        if (!(error instanceof CallFailure) || !passing.has(error.code)) throw error;
        this.failures.add(error.code);
      }
      await pause(systemClock, 50);
    }
    throw new Error(`no node answered for ${patienceMs} ms`);
  }
}

/** Longer than any outage here. */
const patienceMs = 15_000;

/** What tells a gateway to try again, perhaps elsewhere. */
const passing = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"]);

function nameOf({ userId, deviceId }: { userId: string; deviceId: string }): string {
  return `${userId}/${deviceId}`;
}
