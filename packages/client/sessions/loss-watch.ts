import type { KeepLeaseResponse } from "@realchat/presence-proto/presence";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { presenceClientErrorOf } from "../presence-client-error.ts";

interface LossWatchOptions {
  readonly clock: Clock;
  readonly api: PresenceApi;
  /** Of no lease that was ever opened. */
  readonly leaseId: string;
  /** Between two questions, ms. */
  intervalMs(): number;
  /** Whether a lease tells by itself. */
  isTold(): boolean;
  /** Presence may have lost data. */
  perhapsLost(): void;
}

/** Before the first question a lease may be open; ms. */
const firstMs = 2_000;
const callTimeoutMs = 2_000;
/** Until presence that does not know the call is asked again: a rolling upgrade may be over; ms. */
const supportMs = 60_000;
/** A wait is by chance as much shorter at most: gateways do not ask together. */
const jitter = 1 / 4;

/**
 * Asks presence now and then whether it may have lost data, where no lease tells: what sessions said of themselves may be gone
 * though they are there. KeepLease of a lease that is not there changes nothing, and tells of the shards' begins.
 */
export class LossWatch {
  readonly #options: LossWatchOptions;
  /** By the last full answer; undefined before there was one. */
  #begins: number | undefined;
  #cancel: Cancel = () => {};
  #isStopped = false;

  constructor(options: LossWatchOptions) {
    this.#options = options;
    this.#wait(firstMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(afterMs: number): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    this.#cancel = clock.after(afterMs * (1 - jitter * clock.random()), () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { api, leaseId, intervalMs, isTold } = this.#options;
    let waitMs = intervalMs();
    try {
      if (!isTold()) this.#heard(await api.keepLease({ leaseId }, { timeoutMs: callTimeoutMs }));
    } catch (error) {
      // Heartbeats find out whether presence is away.
      if (presenceClientErrorOf(error).code === "UNIMPLEMENTED") waitMs = supportMs;
    }
    this.#wait(waitMs);
  }

  #heard({ begins, partial }: KeepLeaseResponse): void {
    if (partial || this.#isStopped) return;
    const hasBegun = this.#begins !== undefined && this.#begins !== begins;
    this.#begins = begins;
    if (hasBegun) this.#options.perhapsLost();
  }
}
