import type { Refusal } from "../domain/block.ts";
import type { LeaseNotice } from "../domain/lease-notice.ts";

/** Notices of one watcher that wait; beyond, they are dropped, and it is told to verify instead. */
const pendingMax = 10_000;

/** The next message of a watcher's stream. */
interface LeaseNews {
  readonly notices: readonly LeaseNotice[];
  /** Of those that were closed, all for one reason. */
  readonly refusal: Refusal | undefined;
  /** Some may have been missed. */
  readonly verify: boolean;
}

/** What was told to watchers; they only grow. */
export type LeaseNewsCounts = Record<LeaseNotice["kind"] | "verify", number>;

/** One open WatchLease call. */
export class LeaseWatcher {
  readonly #counts: LeaseNewsCounts;
  readonly #onClose: () => void;
  #pending: LeaseNotice[] = [];
  #mustVerify = false;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(options: { counts: LeaseNewsCounts; close: () => void }) {
    this.#counts = options.counts;
    this.#onClose = options.close;
  }

  notice(notice: LeaseNotice): void {
    if (this.#pending.length >= pendingMax) {
      this.#pending = [];
      this.#mustVerify = true;
    }
    this.#pending.push(notice);
    this.#wake?.();
  }

  missed(): void {
    this.#mustVerify = true;
    this.#wake?.();
  }

  /** The next notices, at most `limit`. @returns undefined when closed */
  async next(limit: number): Promise<LeaseNews | undefined> {
    while (!this.#isClosed && !this.#mustVerify && this.#pending.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#isClosed) return undefined;
    const news = { ...this.#take(limit), verify: this.#mustVerify };
    this.#mustVerify = false;
    for (const { kind } of news.notices) this.#counts[kind] += 1;
    if (news.verify) this.#counts.verify += 1;
    return news;
  }

  /** A message names one reason for which sessions were closed. */
  #take(limit: number): Pick<LeaseNews, "notices" | "refusal"> {
    let refusal: Refusal | undefined;
    let count = 0;
    for (const notice of this.#pending.slice(0, limit)) {
      if (notice.kind === "closed") {
        refusal ??= notice.refusal;
        if (notice.refusal.reason !== refusal.reason || notice.refusal.leftMs !== refusal.leftMs) break;
      }
      count += 1;
    }
    return { notices: this.#pending.splice(0, count), refusal };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#wake?.();
  }
}
