import type { Dot } from "./dot.ts";

/** The port to what a socket speaks. A socket is sent at most one of these in a turn. */
export interface FrameFormat {
  readonly isBinary: boolean;
  /** Users whom the socket watches from now on: what is known of them. */
  snapshot(dots: readonly Dot[]): Buffer[];
  /** Users who changed. */
  presence(dots: readonly Dot[]): Buffer[];
  /** Users whom the socket may not see, or no longer. */
  hidden(userIds: readonly string[]): Buffer[];
}
