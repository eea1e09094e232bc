import type { TruthClock } from "./truth-clock.ts";

/** What an operator has closed: a user, or a device of his. */
export interface Closing {
  readonly userId: string;
  /** Empty: every one. */
  readonly deviceId: string;
  /** How long it is blocked, ms of shard clock; undefined: not at all. */
  readonly blockMs: number | undefined;
  /** True time, and deadline clock, when a node read the call, ms. */
  readonly readMs: number;
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

/** What an operator closed of one user. */
interface UserClosings {
  /** Those that a node has read, and of which it is not certain whether they were carried out, or will be. */
  readonly open: Set<Closing>;
  /** Those that may block, with the deadline clock until which, ms. */
  readonly blocking: Map<Closing, number>;
  readonly blocks: Set<Block>;
}

/** What is true of those whom an operator closed. */
export class Closings {
  readonly #clock: TruthClock;
  readonly #slackMs: number;
  readonly #byUser = new Map<string, UserClosings>();
  /** True time when the store lost data last, ms. */
  #lostMs = Number.NEGATIVE_INFINITY;

  /** @param slackMs how far a clock that is read may be behind */
  constructor(clock: TruthClock, slackMs: number) {
    this.#clock = clock;
    this.#slackMs = slackMs;
  }

  /** A node reads a call that closes. */
  read(closing: Closing): void {
    const { blockMs, readClockMs } = closing;
    const { open, blocking, blocks } = this.#of(closing.userId);
    open.add(closing);
    if (blockMs === undefined) return;
    blocking.set(closing, readClockMs + lateMs + blockMs);
    // It replaces the block that there is, and may be shorter.
    for (const block of blocks) if (block.closing.deviceId === closing.deviceId) blocks.delete(block);
  }

  /** @returns whether what it did is there for sure: else the store may have lost it since */
  answered(closing: Closing): boolean {
    const { userId, blockMs, readMs, readClockMs } = closing;
    const { open, blocking, blocks } = this.#of(userId);
    open.delete(closing);
    const isThere = readMs >= this.#lostMs;
    if (blockMs === undefined) return isThere;
    const clockMs = this.#clock.deadlineClockMs(userId);
    blocking.set(closing, clockMs + this.#slackMs + blockMs);
    // Another one about the same may be carried out after it.
    const isLast = ![...open].some((other) => other.deviceId === closing.deviceId && other.blockMs !== undefined);
    const untilClockMs = readClockMs + blockMs;
    if (isThere && isLast) {
      blocks.add({ closing, sinceMs: this.#clock.nowMs(), sinceClockMs: clockMs, untilClockMs });
    }
    return isThere;
  }

  /** The store lost data: blocks may be among them. */
  lost(): void {
    this.#lostMs = this.#clock.nowMs();
    for (const { blocks } of this.#byUser.values()) blocks.clear();
  }

  /** Whether a connection of the device that opens now may be closed by a call of before. */
  mayClose(userId: string, deviceId: string): boolean {
    const { open } = this.#of(userId);
    for (const closing of open) {
      if (!concerns(closing, deviceId)) continue;
      if (closing.readClockMs + lateMs >= this.#clock.deadlineClockMs(userId)) return true;
      open.delete(closing);
    }
    return false;
  }

  /** Whether the device may be blocked now. */
  mayBlock(userId: string, deviceId: string): boolean {
    const { blocking } = this.#of(userId);
    for (const [closing, untilMs] of blocking) {
      if (!concerns(closing, deviceId)) continue;
      if (untilMs >= this.#clock.deadlineClockMs(userId)) return true;
      blocking.delete(closing);
    }
    return false;
  }

  /** The block by which nobody registers for the device for sure. */
  blocking(userId: string, deviceId: string): Block | undefined {
    const { blocks } = this.#of(userId);
    for (const block of blocks) {
      if (block.untilClockMs <= this.#clock.deadlineClockMs(userId) + this.#slackMs) blocks.delete(block);
      else if (concerns(block.closing, deviceId)) return block;
    }
    return undefined;
  }

  #of(userId: string): UserClosings {
    let closings = this.#byUser.get(userId);
    if (closings === undefined) {
      closings = { open: new Set(), blocking: new Map(), blocks: new Set() };
      this.#byUser.set(userId, closings);
    }
    return closings;
  }
}

/** Whether what was closed of its user is, or has, the device. */
export function concerns(closing: Closing, deviceId: string): boolean {
  return closing.deviceId === "" || closing.deviceId === deviceId;
}
