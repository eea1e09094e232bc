import type { FrameFormat } from "./frame-format.ts";

/** The port to a socket. */
export interface Outlet {
  readonly format: FrameFormat;
  /** Calls `written` once, not at once, when the network took the frames; never when the socket is gone. */
  send(frames: readonly Buffer[], written: () => void): void;
  /** The socket has not taken its last frames for too long. */
  closeSlow(): void;
}
