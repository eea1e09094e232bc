import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { CallFailure, type PresenceClient } from "./presence-client.ts";

/** A socket that a gateway holds. */
export interface HeldSocket {
  readonly userId: string;
  readonly deviceId: string;
  /** Empty for a gateway that knows only the existing contract. */
  readonly connectionId: string;
  /** Sent with heartbeats; empty for such a gateway. */
  sessionId: string;
  /** Monotonic ms, when the last heartbeat that was answered was sent and answered. */
  sentMs: number;
  answeredMs: number;
  /** The longest from when such a call was sent to when the next was answered: P1 holds for those below the TTL. */
  longestGapMs: number;
}

/**
 * A gateway as the contract asks for: heartbeats in batches, to any node that answers, retried at once when
 * one does not; what is missing is registered again. It writes down whatever a gateway should not have to see.
 */
export class Gateway {
  readonly #nodes: () => PresenceClient[];
  readonly #beatMs: number;
  readonly #held = new Set<HeldSocket>();
  readonly #stopping = new AbortController();
  readonly #beating: Promise<void>;
  #turn = 0;
  #sockets = 0;
  /** Sessions that presence had lost while they were held. */
  readonly missing: string[] = [];
  readonly superseded: string[] = [];
  /** Codes of failed calls, and other errors. */
  readonly failures = new Set<string>();

  /** @param nodes the nodes that a gateway would resolve now */
  constructor(nodes: () => PresenceClient[], beatMs: number) {
    this.#nodes = nodes;
    this.#beatMs = beatMs;
    this.#beating = this.#heartbeatForever();
  }

  /** Opens a socket and keeps it alive. @param tokens false: as a gateway that knows only the existing contract */
  async openSocket(userId: string, deviceId = "phone", tokens = true): Promise<HeldSocket> {
    const connectionId = tokens ? `socket-${++this.#sockets}` : "";
    const held: HeldSocket = {
      userId,
      deviceId,
      connectionId,
      sessionId: "",
      sentMs: 0,
      answeredMs: 0,
      longestGapMs: 0,
    };
    await this.#register(held);
    this.#held.add(held);
    return held;
  }

  /** Time of the last answered round of heartbeats, monotonic ms. */
  get lastSentMs(): number {
    return Math.max(0, ...[...this.#held].map(({ sentMs }) => sentMs));
  }

  /** The gateway and its sockets die without a call. @returns the sockets that it held */
  async crash(): Promise<HeldSocket[]> {
    this.#stopping.abort();
    await this.#beating;
    return [...this.#held];
  }

  async #register(held: HeldSocket): Promise<void> {
    const { userId, deviceId, connectionId, sessionId } = held;
    const request = { userId, deviceId, instanceId: "gateway", connectionId, previousSessionId: sessionId };
    const { answer, sentMs } = await this.#retry((node) => node.api.registerSession(request));
    wasAnswered(held, sentMs);
    if (connectionId !== "") held.sessionId = answer.sessionId;
  }

  async #heartbeatForever(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#sendHeartbeats().catch((error) => {
        this.failures.add(String(error));
      });
      await pause(systemClock, this.#beatMs * (0.5 + systemClock.random()), signal);
    }
  }

  async #sendHeartbeats(): Promise<void> {
    const held = [...this.#held];
    const sessions = held.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId }));
    const { answer, sentMs } = await this.#retry((node) => node.api.refreshSessions({ sessions }));
    const lost = new Set([...answer.missing, ...answer.superseded].map(nameOf));
    for (const socket of held) if (!lost.has(nameOf(socket))) wasAnswered(socket, sentMs);
    this.superseded.push(...answer.superseded.map(nameOf));
    const missing = held.filter((socket) => answer.missing.some((one) => nameOf(one) === nameOf(socket)));
    this.missing.push(...missing.map(nameOf));
    await Promise.all(
      missing.filter(({ connectionId }) => connectionId !== "").map((socket) => this.#register(socket)),
    );
  }

  async #retry<T>(call: (node: PresenceClient) => Promise<T>): Promise<{ answer: T; sentMs: number }> {
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

/** Codes that a gateway retries, perhaps at another node. */
const passing = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"]);

function wasAnswered(held: HeldSocket, sentMs: number): void {
  const answeredMs = systemClock.monotonicMs();
  const longestGapMs = held.sentMs === 0 ? 0 : Math.max(held.longestGapMs, answeredMs - held.sentMs);
  Object.assign(held, { sentMs, answeredMs, longestGapMs });
}

function nameOf({ userId, deviceId }: { userId: string; deviceId: string }): string {
  return `${userId}/${deviceId}`;
}
