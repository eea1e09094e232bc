import type { FrameFormat } from "../frame-format.ts";
import type { FrameSink } from "../frame-sink.ts";
import type { ShownUser } from "../shown-user.ts";

export type RecordedFrame =
  | { readonly kind: "snapshot" | "presence"; readonly version: number; readonly dots: readonly ShownUser[] }
  | { readonly kind: "hidden"; readonly userIds: readonly string[] }
  | { readonly kind: "stale"; readonly isStale: boolean }
  | { readonly kind: "pong" };

/** Frames that a test can read again. */
const plainFrames: FrameFormat = {
  isBinary: false,
  includesDevices: true,
  snapshot: (dots, version) => [frame({ kind: "snapshot", version, dots })],
  presence: (dots, version) => [frame({ kind: "presence", version, dots })],
  hidden: (userIds) => [frame({ kind: "hidden", userIds })],
  stale: (isStale) => [frame({ kind: "stale", isStale })],
  pong: () => [frame({ kind: "pong" })],
};

function frame(content: RecordedFrame): Buffer {
  return Buffer.from(JSON.stringify(content));
}

function readFrame(buffer: Buffer): RecordedFrame {
  return JSON.parse(buffer.toString()) as RecordedFrame;
}

/** A socket that remembers what was written to it, and whose network a test holds up. */
export class RecordingSink implements FrameSink {
  readonly format = plainFrames;
  readonly frames: RecordedFrame[] = [];
  readonly buffers: Buffer[] = [];
  isClosedAsSlow = false;
  /** While it is held, the network takes nothing. */
  isHeld = false;
  #taken: (() => void) | undefined;

  /** @param frames one: these frames have no header that would tell where the next one begins */
  send(frames: Buffer, taken: () => void): boolean {
    this.buffers.push(frames);
    this.frames.push(readFrame(frames));
    if (this.isHeld) this.#taken = taken;
    return !this.isHeld;
  }

  closeSlow(): void {
    this.isClosedAsSlow = true;
  }

  /** The network takes what was written. */
  release(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  /** `snapshot ann+ bob-`, `hidden bob`: what it was told, in short. */
  received(): string[] {
    return this.frames.map(inShort);
  }
}

function inShort(told: RecordedFrame): string {
  switch (told.kind) {
    case "pong":
      return "pong";
    case "stale":
      return told.isStale ? "stale" : "current";
    case "hidden":
      return `hidden ${told.userIds.join(" ")}`;
    case "snapshot":
    case "presence":
      return [told.kind, ...told.dots.map(({ userId, online }) => `${userId}${online ? "+" : "-"}`)].join(" ");
  }
}
