import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import type { HeldSession } from "./held-session.ts";
import type { SessionState } from "./session-handle.ts";
import type { Lifecycle } from "./session-lifecycle.ts";

/** All sessions that are not over yet. */
export class SessionBook {
  /** Sessions in each state; for `closed`, `superseded`, `refused` and `forced` how many ever got there. */
  readonly counts: Record<SessionState, number> = {
    registering: 0,
    online: 0,
    returning: 0,
    closing: 0,
    closed: 0,
    superseded: 0,
    refused: 0,
    forced: 0,
  };
  /** The latest of each device, by deviceKey. */
  readonly #byDevice = new Map<string, HeldSession>();
  /** In the order in which they were closed. */
  readonly #closings = new ArrivalSet<HeldSession>();

  get live(): number {
    return this.counts.registering + this.counts.online + this.counts.returning;
  }

  /** The device's session, if it has one. */
  latest(deviceKey: string): HeldSession | undefined {
    return this.#byDevice.get(deviceKey);
  }

  /** Those that are live, or whose end presence does not know yet. */
  sessions(): HeldSession[] {
    return [...new Set([...this.#byDevice.values(), ...this.#closings])];
  }

  /** Those that presence has, as far as is known. */
  *online(): Iterable<HeldSession> {
    for (const session of this.#byDevice.values()) if (session.state === "online") yield session;
  }

  get oldestClosing(): HeldSession | undefined {
    return this.#closings.first;
  }

  /** From now on the latest of its device. */
  add(session: HeldSession): void {
    this.#byDevice.set(session.deviceKey, session);
    this.counts[session.state]++;
  }

  move(session: HeldSession, lifecycle: Lifecycle): void {
    const { state } = lifecycle;
    this.counts[session.state]--;
    this.counts[state]++;
    if (state === "closing") this.#closings.add(session);
    else this.#closings.delete(session);
    if (isOver(state) && this.latest(session.deviceKey) === session) this.#byDevice.delete(session.deviceKey);
    session.become(lifecycle);
  }
}

function isOver(state: SessionState): boolean {
  return state === "closed" || state === "superseded" || state === "refused" || state === "forced";
}
