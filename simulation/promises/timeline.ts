/** Something that happened: when, where, and what. */
interface TimelineEvent {
  /** True time since the run began, ms. */
  readonly atMs: number;
  /** A node, a gateway, a reader, a fault. */
  readonly who: string;
  readonly what: string;
  /** The user concerned; undefined: everyone. */
  readonly userId: string | undefined;
}

/** What happened in a run, for people to read beside a violation. Keeps the last events. */
export class Timeline {
  readonly #nowMs: () => number;
  readonly #keepMax: number;
  #events: TimelineEvent[] = [];

  constructor(nowMs: () => number, keepMax = 50_000) {
    this.#nowMs = nowMs;
    this.#keepMax = keepMax;
  }

  note(who: string, what: string, userId?: string): void {
    this.#events.push({ atMs: this.#nowMs(), who, what, userId });
    if (this.#events.length >= 2 * this.#keepMax) this.#events = this.#events.slice(-this.#keepMax);
  }

  /** What concerned the user, or everyone, in that time, oldest first; the last `linesMax` of it. */
  lines(options: {
    readonly userId: string;
    readonly fromMs: number;
    readonly toMs: number;
    readonly linesMax: number;
  }): string[] {
    const { userId, fromMs, toMs, linesMax } = options;
    const concerning = this.#events.filter(
      (event) => event.atMs >= fromMs && event.atMs <= toMs && (event.userId === undefined || event.userId === userId),
    );
    return concerning.slice(-linesMax).map(lineOf);
  }
}

function lineOf({ atMs, who, what }: TimelineEvent): string {
  return `${timeOf(atMs)}  ${who.padEnd(12)} ${what}`;
}

/** `1:02:03.456`: hours, minutes, seconds since the run began. */
export function timeOf(atMs: number): string {
  const whole = Math.floor(atMs);
  const seconds = Math.floor(whole / 1_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  return `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(whole % 1_000).padStart(3, "0")}`;
}
