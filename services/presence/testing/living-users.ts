import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import type { Random } from "./interleavings/random.ts";
import { CallFailure, type PresenceClient } from "./presence-client.ts";

interface LivingUsersOptions {
  /** The nodes that gateways reach. */
  readonly nodes: readonly PresenceClient[];
  /** Names begin with it. */
  readonly name: string;
  readonly count: number;
  /** Between two heartbeats of a user, at most. */
  readonly beatMs: number;
  readonly random: Random;
}

/**
 * Users who live all the time. Each sends heartbeats one by one to any node; every second user's gateway knows no
 * tokens and ignores the answers, the others repeat soon what was UNAVAILABLE, as the contract asks.
 */
export class LivingUsers {
  readonly userIds: readonly string[];
  /** Answers to heartbeats, by their code, "OK" included. */
  readonly answers = new Map<string, number>();
  /** The longest time for which one of them sent no heartbeat, ms: more than it should be on a machine that is too slow. */
  longestSilenceMs = 0;
  readonly #options: LivingUsersOptions;
  readonly #stopping = new AbortController();
  readonly #beating: Promise<void>[] = [];

  constructor(options: LivingUsersOptions) {
    this.#options = options;
    this.userIds = Array.from({ length: options.count }, (_, index) => `${options.name}-${index}`);
  }

  /** Registers all, and begins with their heartbeats. */
  async begin(): Promise<void> {
    const sessions = await Promise.all(
      this.userIds.map(async (userId, index) => {
        const device = { userId, deviceId: "phone" };
        const connectionId = index % 2 === 0 ? "" : `socket-${userId}`;
        const registration = { ...device, instanceId: "gateway", connectionId };
        const register = () => this.#anyNode().api.registerSession(registration);
        // A busy machine may take longer than a gateway waits.
        const { sessionId } = await waitUntil(register, { what: `${userId} is registered` });
        return { ...device, sessionId: connectionId === "" ? "" : sessionId };
      }),
    );
    for (const session of sessions) this.#beating.push(this.#beat(session));
  }

  /** Ends all heartbeats without a word. */
  async end(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#beating);
  }

  async #beat(session: { userId: string; deviceId: string; sessionId: string }): Promise<void> {
    const { beatMs } = this.#options;
    const { signal } = this.#stopping;
    let sentMs = systemClock.monotonicMs();
    // Spread, as a gateway's are.
    await pause(systemClock, beatMs * systemClock.random(), signal);
    while (!signal.aborted) {
      const silenceMs = systemClock.monotonicMs() - sentMs;
      this.longestSilenceMs = Math.max(this.longestSilenceMs, silenceMs);
      sentMs += silenceMs;
      const code = await this.#anyNode()
        .api.refreshSession(session)
        .then(() => "OK", codeOf);
      this.answers.set(code, (this.answers.get(code) ?? 0) + 1);
      const isRepeated = code !== "OK" && session.sessionId !== "";
      await pause(systemClock, isRepeated ? beatMs / 2 : beatMs, signal);
    }
  }

  #anyNode(): PresenceClient {
    return this.#options.random.pick(this.#options.nodes);
  }
}

function codeOf(error: unknown): string {
  return error instanceof CallFailure ? error.code : String(error);
}
