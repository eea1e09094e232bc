import type { FrameFormat } from "./frame-format.ts";

/** The port to a socket: where its frames are written. */
export interface FrameSink {
  readonly format: FrameFormat;
  /** Calls `written` once, later, when the network took the frames; never when the socket is closed. */
  send(frames: readonly Buffer[], written: () => void): void;
  /** Closes the socket: its last write took too long. */
  closeSlow(): void;
}
