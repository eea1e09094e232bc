import type { Clock } from "@realchat/presence-runtime";
import { type Dot, stateOf } from "./dot.ts";
import type { FrameFormat } from "./frame-format.ts";
import type { PushFigures } from "./push.ts";
import type { News, Subscriber } from "./subscriber.ts";

/** After this long, a turn lets everything else go on before it does the rest. */
const sliceMs = 8;
/** Frames kept for others to use. Under load one turn follows on the other, and none of them is the last. */
const keptFramesMax = 1_000;

type TurnFigures = Pick<PushFigures, "frames" | "framesBuilt" | "bytes" | "dots" | "hidden" | "closedSlow">;

/**
 * Writes to sockets what they have yet to be told. At most one write is under way per socket: until the network took
 * it, the socket's news gather in its sets, where the latest state replaces the one before. Equal frames of a turn are
 * built once, however many sockets they go to.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #slowMs: number;
  readonly #observeAge: (ageSeconds: number) => void;
  readonly #isStale: () => boolean;
  #due: Subscriber[] = [];
  readonly #isDue = new Set<Subscriber>();
  #isScheduled = false;
  /** Sockets with a write under way, and since when, ms; oldest first. */
  readonly #writing = new Map<Subscriber, number>();
  /** By the one dot in it, or by all of them; of this turn, and the latest. */
  readonly #built = new Map<FrameFormat, Map<Dot | string, Buffer[]>>();
  readonly #figures = { frames: 0, framesBuilt: 0, dots: 0, hidden: 0, bytes: 0, closedSlow: 0 };

  /**
   * @param options.slowMs how long the network may take over one write
   * @param options.observeAge told the age of each change when it is written
   * @param options.isStale whether dots may not be current
   */
  constructor(options: {
    clock: Clock;
    slowMs: number;
    observeAge: (ageSeconds: number) => void;
    isStale: () => boolean;
  }) {
    this.#clock = options.clock;
    this.#slowMs = options.slowMs;
    this.#observeAge = options.observeAge;
    this.#isStale = options.isStale;
  }

  get figures(): TurnFigures {
    return this.#figures;
  }

  /** Sockets with news or a write under way. */
  get busy(): number {
    return this.#isDue.size + this.#writing.size;
  }

  /** The socket has news. */
  add(subscriber: Subscriber): void {
    if (this.#isDue.has(subscriber) || this.#writing.has(subscriber)) return;
    this.#isDue.add(subscriber);
    this.#due.push(subscriber);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  remove(subscriber: Subscriber): void {
    this.#isDue.delete(subscriber);
    this.#writing.delete(subscriber);
  }

  /** Closes sockets that have been taking their last write for too long. */
  closeSlow(): void {
    const limitMs = this.#clock.monotonicMs() - this.#slowMs;
    for (const [subscriber, sinceMs] of this.#writing) {
      if (sinceMs > limitMs) break;
      this.#figures.closedSlow++;
      this.#writing.delete(subscriber);
      subscriber.outlet.closeSlow();
    }
  }

  #run(): void {
    const due = this.#due;
    const endMs = this.#clock.monotonicMs() + sliceMs;
    const nowUs = this.#clock.nowUs();
    let done = 0;
    while (done < due.length) {
      const subscriber = due[done++] as Subscriber;
      if (this.#isDue.delete(subscriber)) this.#write(subscriber, nowUs);
      if (this.#clock.monotonicMs() > endMs) break;
    }
    this.#due = due.slice(done);
    this.#isScheduled = this.#due.length > 0;
    if (this.#isScheduled) setImmediate(() => this.#run());
    else this.#built.clear();
  }

  #write(subscriber: Subscriber, nowUs: number): void {
    if (subscriber.isClosed) return;
    const news = subscriber.take(this.#isStale());
    if (news === undefined) return;
    const frames = this.#framesOf(subscriber.outlet.format, news);
    this.#count(news, frames, nowUs);
    if (frames.length === 0) {
      if (subscriber.hasNews(this.#isStale())) this.add(subscriber);
      return;
    }
    this.#writing.set(subscriber, this.#clock.monotonicMs());
    subscriber.outlet.send(frames, () => {
      this.#writing.delete(subscriber);
      if (subscriber.hasNews(this.#isStale())) this.add(subscriber);
    });
  }

  #framesOf(format: FrameFormat, news: News): Buffer[] {
    if (news.kind === "hidden" || news.kind === "stale") return this.#build(format, news);
    let built = this.#built.get(format);
    if (built === undefined) {
      built = new Map();
      this.#built.set(format, built);
    }
    const key = keyOf(news);
    let frames = built.get(key);
    if (frames === undefined) {
      frames = this.#build(format, news);
      if (built.size >= keptFramesMax) built.clear();
      built.set(key, frames);
    }
    return frames;
  }

  #build(format: FrameFormat, news: News): Buffer[] {
    const frames = framesFor(format, news);
    this.#figures.framesBuilt += frames.length;
    return frames;
  }

  #count(news: News, frames: readonly Buffer[], nowUs: number): void {
    const figures = this.#figures;
    figures.frames += frames.length;
    for (const { length } of frames) figures.bytes += length;
    if (news.kind === "stale") return;
    if (news.kind === "hidden") {
      figures.hidden += news.userIds.length;
      return;
    }
    figures.dots += news.dots.length;
    // A snapshot tells what has been true for long: its age says nothing about us.
    if (news.kind === "snapshot") return;
    for (const { version } of news.dots) this.#observeAge(Math.max(0, nowUs - version) / 1_000_000);
  }
}

function framesFor(format: FrameFormat, news: News): Buffer[] {
  switch (news.kind) {
    case "stale":
      return format.stale(news.isStale);
    case "hidden":
      return format.hidden(news.userIds);
    case "snapshot":
    case "presence":
      return format[news.kind](news.dots);
  }
}

/** Dots are never changed: one dot is its own key. */
function keyOf({ kind, dots }: Extract<News, { dots: Dot[] }>): Dot | string {
  const [first] = dots;
  if (kind === "presence" && dots.length === 1 && first !== undefined) return first;
  return `${kind}\n${dots.map(stateOf).join("\n")}`;
}
