import type { FrameFormat } from "./frame-format.ts";

/** The port to a socket: where its frames are written. */
export interface FrameSink {
  readonly format: FrameFormat;
  /**
   * Writes whole frames.
   * @param taken called once, later, when the network took them; not needed if it has already
   * @returns whether it has already, or never will, since the socket is closing
   */
  send(frames: Buffer, taken: () => void): boolean;
  /** Closes the socket: its last write took too long. */
  closeSlow(): void;
}
