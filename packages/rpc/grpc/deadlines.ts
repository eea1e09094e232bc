import type { Cancel, Clock } from "@realchat/presence-runtime";

/** How late a deadline may be noticed. */
const slotMs = 10;
const slotCount = 512;
/** Where something is that is not in the wheel. */
export const nowhere = -1;

/** Something with a deadline; all else is the wheel's own. */
export interface Timed {
  /** Monotonic. */
  readonly deadlineMs: number;
  /** `nowhere`, to begin with. */
  slot: number;
  previous: Timed | undefined;
  next: Timed | undefined;
  deadlinePassed(): void;
}

/** The deadlines of a server's open calls: a wheel, for nearly every call ends long before its deadline. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #slots: (Timed | undefined)[] = new Array(slotCount).fill(undefined);
  #count = 0;
  /** The last slot that was dealt with. */
  #turned = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(timed: Timed): void {
    if (this.#count === 0) this.#turned = Math.floor(this.#clock.monotonicMs() / slotMs);
    this.#count += 1;
    const slot = Math.max(Math.ceil(timed.deadlineMs / slotMs), this.#turned + 1) % slotCount;
    const head = this.#slots[slot];
    timed.slot = slot;
    timed.next = head;
    if (head !== undefined) head.previous = timed;
    this.#slots[slot] = timed;
    this.#cancel ??= this.#clock.after(slotMs, this.#turn);
  }

  remove(timed: Timed): void {
    if (timed.slot === nowhere) return;
    this.#count -= 1;
    if (timed.next !== undefined) timed.next.previous = timed.previous;
    if (timed.previous !== undefined) timed.previous.next = timed.next;
    else this.#slots[timed.slot] = timed.next;
    timed.slot = nowhere;
    timed.previous = undefined;
    timed.next = undefined;
  }

  close(): void {
    this.#cancel?.();
  }

  readonly #turn = (): void => {
    const nowMs = this.#clock.monotonicMs();
    const now = Math.floor(nowMs / slotMs);
    const due: Timed[] = [];
    this.#turned = Math.max(this.#turned, now - slotCount);
    while (this.#turned < now) {
      this.#turned += 1;
      this.#collect(this.#turned % slotCount, nowMs, due);
    }
    for (const timed of due) this.remove(timed);
    this.#cancel = this.#count === 0 ? undefined : this.#clock.after(slotMs, this.#turn);
    for (const timed of due) timed.deadlinePassed();
  };

  #collect(slot: number, nowMs: number, due: Timed[]): void {
    for (let timed = this.#slots[slot]; timed !== undefined; timed = timed.next) {
      if (timed.deadlineMs <= nowMs) due.push(timed);
    }
  }
}
