import type { Dot } from "./dot.ts";

/** The port to what a socket speaks. A socket is sent at most one of these in a turn. */
export interface FrameFormat {
  readonly isBinary: boolean;
  /** Whether it says on which devices users are. */
  readonly tellsDevices: boolean;
  /** Users whom the socket watches from now on: what is known of them. */
  snapshot(dots: readonly Dot[]): Buffer[];
  /** Users who changed. */
  presence(dots: readonly Dot[]): Buffer[];
  /** Users whom the socket may not see, or no longer. */
  hidden(userIds: readonly string[]): Buffer[];
  /** Whether dots may not be current; nothing where the protocol has no word for it. */
  stale(isStale: boolean): Buffer[];
  /** Answers the client's heartbeat; nothing where the protocol has none. */
  pong(): Buffer[];
}
