import { type PresenceAccess, PresenceClientError } from "@realchat/presence-client";
import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";

const reconnectPace = { firstMs: 500, capMs: 4_000 };
/** An older presence does not have the call; it may be replaced by a newer one. */
const unknownPauseMs = 60_000;

/**
 * Watches WatchDevices: users of whom a device came or went and who stay online. That is no transition, so no feed has
 * it. Best effort: what is missed while the stream is down is found by reconciliation.
 */
export class DeviceChanges {
  readonly #presence: PresenceAccess;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #reported = 0;

  constructor({ channels, clock }: { channels: PresenceAccess; clock: Clock }) {
    this.#presence = channels;
    this.#clock = clock;
  }

  /** Users reported since the start. */
  get reported(): number {
    return this.#reported;
  }

  start(onChange: (userId: string) => void): void {
    this.#done = this.#follow(onChange);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #follow(onChange: (userId: string) => void): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; failures++) {
      let isUnknown = false;
      try {
        for await (const { userIds } of this.#presence.api.watchDevices({}, { signal })) {
          failures = 0;
          this.#reported += userIds.length;
          for (const userId of userIds) onChange(userId);
        }
      } catch (error) {
        isUnknown = error instanceof PresenceClientError && error.code === "UNIMPLEMENTED";
      }
      const waitMs = isUnknown ? unknownPauseMs : backoffMs(failures, reconnectPace, this.#clock);
      await pause(this.#clock, waitMs, signal);
    }
  }
}
