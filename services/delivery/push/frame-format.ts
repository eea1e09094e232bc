import type { ShownUser } from "./shown-user.ts";

/** The port to a sub-protocol: encodes frames, whole and as they are on the wire, so that any number of sockets share them. */
export interface FrameFormat {
  readonly isBinary: boolean;
  /** Whether its frames name the users' devices. */
  readonly includesDevices: boolean;
  /**
   * States of users that the socket watches from now on.
   * @param version of all that the frames say
   */
  snapshot(users: readonly ShownUser[], version: number): Buffer[];
  /** States of users that changed. */
  presence(users: readonly ShownUser[], version: number): Buffer[];
  /** Users that the socket may not see, or no longer. */
  hidden(userIds: readonly string[]): Buffer[];
  /** Whether dots may not be current; no frame where the protocol has none for it. */
  stale(isStale: boolean): Buffer[];
  /** Answers the client's ping; no frame where the protocol has none for it. */
  pong(): Buffer[];
}
