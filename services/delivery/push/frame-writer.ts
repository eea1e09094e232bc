import type { Clock } from "@realchat/presence-runtime";
import type { Dot } from "./dot.ts";
import type { FrameFormat } from "./frame-format.ts";
import type { PushMetrics } from "./push.ts";
import type { ShownUser } from "./shown-user.ts";
import type { FrameContent, Subscriber } from "./subscriber.ts";

/** A run yields to the event loop after this time, and continues in the next turn. */
const sliceMs = 8;
/** Of so many sockets one costs a look at the clock. */
const writesPerLook = 8;
/** Frames kept for other sockets. Under load the runs follow each other without a pause that would clear the cache. */
const cachedFramesMax = 1_000;

type WriterMetrics = Pick<PushMetrics, "frames" | "framesBuilt" | "bytes" | "dots" | "hidden" | "closedSlow">;

/** @param ageSeconds of the change, at the time when it is written to a socket */
export type ObserveAge = (ageSeconds: number, dot: Dot) => void;

/** What one write contains: whole frames, which all sockets share. */
interface Frames {
  readonly count: number;
  readonly bytes: Buffer;
}

/**
 * Writes frames to sockets. At most one write is in flight per socket: until the network took it, changes collect in the
 * subscriber's sets, where the latest state replaces the one before. Equal frames of a run are built once, for all
 * sockets.
 */
export class FrameWriter {
  readonly #clock: Clock;
  readonly #slowMs: number;
  readonly #observeAge: ObserveAge;
  readonly #isStale: () => boolean;
  readonly #nextTurn: (run: () => void) => void;
  readonly #nowUs: () => number;
  /** Of the last frame. */
  #version = 0;
  /** In their order; those removed meanwhile are no longer due. */
  #queue: Subscriber[] = [];
  #due = 0;
  #isScheduled = false;
  /** Sockets with a write in flight, and since when, ms; oldest first. */
  readonly #writing = new Map<Subscriber, number>();
  /** By format, then by the only user in the frame, or by all of them. */
  readonly #frameCache = new Map<FrameFormat, Map<ShownUser | string, Frames>>();
  readonly #metrics = { frames: 0, framesBuilt: 0, dots: 0, hidden: 0, bytes: 0, closedSlow: 0 };

  /**
   * @param options.slowMs how long the network may take over one write
   * @param options.observeAge called with each change when it is written
   * @param options.isStale whether dots may not be current
   * @param options.nextTurn puts a run off to the event loop's next turn
   * @param options.nowUs a clock for versions, µs, that all gateways share
   */
  constructor(options: {
    clock: Clock;
    slowMs: number;
    observeAge: ObserveAge;
    isStale: () => boolean;
    nextTurn: (run: () => void) => void;
    nowUs: () => number;
  }) {
    this.#clock = options.clock;
    this.#slowMs = options.slowMs;
    this.#observeAge = options.observeAge;
    this.#isStale = options.isStale;
    this.#nextTurn = options.nextTurn;
    this.#nowUs = options.nowUs;
  }

  get metrics(): WriterMetrics {
    return this.#metrics;
  }

  /** Sockets with something to send, or with a write in flight. */
  get busy(): number {
    return this.#due + this.#writing.size;
  }

  /** Schedules a write to the socket. */
  add(subscriber: Subscriber): void {
    if (subscriber.turn !== "none") return;
    subscriber.turn = "due";
    this.#due++;
    this.#queue.push(subscriber);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#nextTurn(() => this.#run());
  }

  remove(subscriber: Subscriber): void {
    if (subscriber.turn === "due") this.#due--;
    if (subscriber.turn === "writing") this.#writing.delete(subscriber);
    subscriber.turn = "none";
  }

  /** Closes sockets whose write has been in flight for too long. */
  closeSlow(): void {
    const limitMs = this.#clock.monotonicMs() - this.#slowMs;
    for (const [subscriber, sinceMs] of this.#writing) {
      if (sinceMs > limitMs) break;
      this.#metrics.closedSlow++;
      this.remove(subscriber);
      subscriber.sink.closeSlow();
    }
  }

  #run(): void {
    const queue = this.#queue;
    const endMs = this.#clock.monotonicMs() + sliceMs;
    const nowUs = this.#clock.nowUs();
    let done = 0;
    while (done < queue.length) {
      const subscriber = queue[done++] as Subscriber;
      if (subscriber.turn === "due") this.#write(subscriber, nowUs);
      if (done % writesPerLook === 0 && this.#clock.monotonicMs() > endMs) break;
    }
    this.#queue = queue.slice(done);
    this.#isScheduled = this.#queue.length > 0;
    if (this.#isScheduled) this.#nextTurn(() => this.#run());
    else this.#frameCache.clear();
  }

  #write(subscriber: Subscriber, nowUs: number): void {
    subscriber.turn = "none";
    this.#due--;
    if (subscriber.isClosed) return;
    const content = subscriber.take(this.#isStale());
    if (content === undefined) return;
    const frames = this.#framesOf(subscriber.sink.format, content);
    this.#count(content, frames, nowUs);
    if (frames.count > 0 && !subscriber.sink.send(frames.bytes, () => this.#taken(subscriber))) {
      subscriber.turn = "writing";
      this.#writing.set(subscriber, this.#clock.monotonicMs());
    } else if (subscriber.hasUnsent(this.#isStale())) {
      this.add(subscriber);
    }
  }

  #taken(subscriber: Subscriber): void {
    if (subscriber.turn !== "writing") return;
    this.remove(subscriber);
    if (subscriber.hasUnsent(this.#isStale())) this.add(subscriber);
  }

  #framesOf(format: FrameFormat, content: FrameContent): Frames {
    if (content.kind === "hidden" || content.kind === "stale") return this.#build(format, content);
    // Hardly two sockets have the same ones, and to compare them costs as much as to build another frame.
    if (content.kind === "snapshot" && content.users.length > 1) return this.#build(format, content);
    let built = this.#frameCache.get(format);
    if (built === undefined) {
      built = new Map();
      this.#frameCache.set(format, built);
    }
    const key = keyOf(content);
    let frames = built.get(key);
    if (frames === undefined) {
      frames = this.#build(format, content);
      if (built.size >= cachedFramesMax) built.clear();
      built.set(key, frames);
    }
    return frames;
  }

  #build(format: FrameFormat, content: FrameContent): Frames {
    this.#version = Math.max(this.#version + 1, this.#nowUs());
    const frames = framesFor(format, content, this.#version);
    const [first] = frames;
    this.#metrics.framesBuilt += frames.length;
    return { count: frames.length, bytes: frames.length === 1 && first !== undefined ? first : Buffer.concat(frames) };
  }

  #count(content: FrameContent, frames: Frames, nowUs: number): void {
    const metrics = this.#metrics;
    metrics.frames += frames.count;
    metrics.bytes += frames.bytes.length;
    if (content.kind === "stale") return;
    if (content.kind === "hidden") {
      metrics.hidden += content.userIds.length;
      return;
    }
    metrics.dots += content.users.length;
    // The states of a snapshot are old: their age says nothing about push.
    if (content.kind === "snapshot") return;
    for (const dot of content.news) this.#observeAge(Math.max(0, nowUs - dot.version) / 1_000_000, dot);
  }
}

function framesFor(format: FrameFormat, content: FrameContent, version: number): Buffer[] {
  switch (content.kind) {
    case "stale":
      return format.stale(content.isStale);
    case "hidden":
      return format.hidden(content.userIds);
    case "snapshot":
    case "presence":
      return format[content.kind](content.users, version);
  }
}

/** What is shown is immutable: a single user is its own key. */
function keyOf({ kind, users }: Extract<FrameContent, { users: ShownUser[] }>): ShownUser | string {
  const [first] = users;
  if (kind === "presence" && users.length === 1 && first !== undefined) return first;
  return [kind, ...users.map(numberOf)].join(" ");
}

const numbers = new WeakMap<ShownUser, number>();
let lastNumber = 0;

function numberOf(user: ShownUser): number {
  let number = numbers.get(user);
  if (number === undefined) {
    number = ++lastNumber;
    numbers.set(user, number);
  }
  return number;
}
