import { type LogBounds, reconnectPace, type TopicReader, type TopicSource } from "@realchat/presence-kafka/consumer";
import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import type { TopicFollower } from "./topic-follower.ts";

interface EndOfTopicOptions {
  readonly source: TopicSource;
  readonly follower: Pick<TopicFollower, "topicId" | "hasApplied">;
  readonly clock: Clock;
}

/** How far a topic went at a moment. */
interface TopicEnd {
  readonly topicId: string;
  readonly bounds: readonly LogBounds[];
}

interface Waiting {
  readonly resolve: () => void;
  /** undefined: the topic is still to be asked for it. */
  end: TopicEnd | undefined;
}

/** Between two questions, ms: those who ask meanwhile are answered together. */
const restMs = 10;

/** Tells when a follower has applied everything that its topic had at a moment. */
export class EndOfTopic {
  readonly #options: EndOfTopicOptions;
  readonly #stop = new AbortController();
  #waiting: Waiting[] = [];
  #reader: TopicReader | undefined;
  #isAsking = false;

  constructor(options: EndOfTopicOptions) {
    this.#options = options;
  }

  /** Resolves when everything is applied that the topic had at a moment after the call, or when there is no such topic. */
  reached(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, end: undefined });
    void this.#ask();
    return promise;
  }

  /** The follower has read on. */
  progressed(): void {
    if (this.#waiting.length === 0) return;
    this.#settle();
    const { topicId } = this.#options.follower;
    const isOfAnother = ({ end }: Waiting) => end !== undefined && end.topicId !== topicId;
    if (!this.#waiting.some(isOfAnother)) return;
    // The topic was deleted and created anew.
    this.#closeReader();
    for (const one of this.#waiting.filter(isOfAnother)) one.end = undefined;
    void this.#ask();
  }

  close(): void {
    this.#stop.abort();
    this.#closeReader();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { clock } = this.#options;
    for (let failures = 0; this.#unasked.length > 0 && !this.#stop.signal.aborted; ) {
      failures = (await this.#askOnce(failures)) ? 0 : failures + 1;
      await pause(clock, failures === 0 ? restMs : backoffMs(failures, reconnectPace, clock), this.#stop.signal);
    }
    this.#isAsking = false;
  }

  /** @returns whether there was an answer */
  async #askOnce(attempt: number): Promise<boolean> {
    const asked = this.#unasked;
    try {
      const end = await this.#endNow(attempt);
      for (const one of asked) one.end = end;
      this.#settle();
      return true;
    } catch (error) {
      this.#closeReader();
      const { code } = error as { code?: unknown };
      if (code === "NOT_FOUND") this.#release(new Set(asked));
      return code === "NOT_FOUND";
    }
  }

  async #endNow(attempt: number): Promise<TopicEnd> {
    if (await this.#reader?.isOutdated()) this.#closeReader();
    this.#reader ??= await this.#options.source.open(attempt, this.#stop.signal);
    const { topicId } = this.#reader;
    return { topicId, bounds: await this.#reader.bounds() };
  }

  #settle(): void {
    const { follower } = this.#options;
    const ends = new Set(this.#waiting.map(({ end }) => end));
    const isApplied = (end: TopicEnd | undefined) =>
      end !== undefined && end.topicId === follower.topicId && follower.hasApplied(end.bounds);
    const applied = new Set([...ends].filter(isApplied));
    this.#release(new Set(this.#waiting.filter(({ end }) => applied.has(end))));
  }

  #release(done: ReadonlySet<Waiting>): void {
    if (done.size === 0) return;
    this.#waiting = this.#waiting.filter((one) => !done.has(one));
    for (const { resolve } of done) resolve();
  }

  #closeReader(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  get #unasked(): Waiting[] {
    return this.#waiting.filter(({ end }) => end === undefined);
  }
}
