import type { TruthClock } from "./truth-clock.ts";

/** What an operator has closed: a user, or a device of his. */
export interface Closing {
  readonly userId: string;
  /** Empty: every one. */
  readonly deviceId: string;
  /** How long it is blocked, ms of shard clock; undefined: not at all. */
  readonly blockMs: number | undefined;
  /** Deadline clock when a node read the call, ms. */
  readonly readClockMs: number;
}

interface Block {
  readonly closing: Closing;
  /** True time when presence had answered, ms. */
  readonly sinceMs: number;
  /** Deadline clock then, and until when it lasts for sure, ms. */
  readonly sinceClockMs: number;
  readonly untilClockMs: number;
}

/** On the deadline clock, from when a node reads a call until that counts no more: see domain/late-change.ts; ms. */
const lateMs = 6_000;

/** What is true of those whom an operator closed. */
export class Closings {
  readonly #clock: TruthClock;
  readonly #slackMs: number;
  /** Those that a node has read, and of which it is not certain whether they were carried out, or will be. */
  readonly #open = new Set<Closing>();
  /** Those that may block, with the deadline clock until which, ms. */
  readonly #blocking = new Map<Closing, number>();
  readonly #blocks = new Set<Block>();

  /** @param slackMs how far a clock that is read may be behind */
  constructor(clock: TruthClock, slackMs: number) {
    this.#clock = clock;
    this.#slackMs = slackMs;
  }

  /** A node reads a call that closes. */
  read(closing: Closing): void {
    const { blockMs, readClockMs } = closing;
    this.#open.add(closing);
    if (blockMs === undefined) return;
    this.#blocking.set(closing, readClockMs + lateMs + blockMs);
    // It replaces the block that there is, and may be shorter.
    for (const block of this.#blocks) if (isSame(block.closing, closing)) this.#blocks.delete(block);
  }

  answered(closing: Closing): void {
    this.#open.delete(closing);
    const { userId, blockMs, readClockMs } = closing;
    if (blockMs === undefined) return;
    const clockMs = this.#clock.deadlineClockMs(userId);
    this.#blocking.set(closing, clockMs + this.#slackMs + blockMs);
    // Another one about the same may be carried out after it.
    if ([...this.#open].some((other) => isSame(other, closing) && other.blockMs !== undefined)) return;
    const untilClockMs = readClockMs + blockMs;
    this.#blocks.add({ closing, sinceMs: this.#clock.nowMs(), sinceClockMs: clockMs, untilClockMs });
  }

  /** The store lost data: blocks may be among them. */
  lost(): void {
    this.#blocks.clear();
  }

  /** Whether a connection of the device that opens now may be closed by a call of before. */
  mayClose(userId: string, deviceId: string): boolean {
    const clockMs = this.#clock.deadlineClockMs(userId);
    for (const closing of this.#open) {
      if (!concerns(closing, userId, deviceId)) continue;
      if (closing.readClockMs + lateMs >= clockMs) return true;
      this.#open.delete(closing);
    }
    return false;
  }

  /** Whether the device may be blocked now. */
  mayBlock(userId: string, deviceId: string): boolean {
    const clockMs = this.#clock.deadlineClockMs(userId);
    for (const [closing, untilMs] of this.#blocking) {
      if (!concerns(closing, userId, deviceId)) continue;
      if (untilMs >= clockMs) return true;
      this.#blocking.delete(closing);
    }
    return false;
  }

  /** The block by which nobody registers for the device for sure. */
  blocking(userId: string, deviceId: string): Block | undefined {
    const clockMs = this.#clock.deadlineClockMs(userId);
    return [...this.#blocks].find(
      ({ closing, untilClockMs }) => concerns(closing, userId, deviceId) && untilClockMs > clockMs + this.#slackMs,
    );
  }
}

function isSame(one: Closing, other: Closing): boolean {
  return one.userId === other.userId && one.deviceId === other.deviceId;
}

export function concerns(closing: Closing, userId: string, deviceId: string): boolean {
  return closing.userId === userId && (closing.deviceId === "" || closing.deviceId === deviceId);
}
