import type { CallerKind, SessionEnd, SessionLife } from "../history/session-life.ts";

/** Who holds sockets and tells presence of them, and writes down every call about each session. */
export interface Gateway {
  readonly name: string;
  readonly kind: CallerKind;
  /** Whether a client can connect to it. */
  readonly isUp: boolean;
  /** A client connected. */
  open(userId: string, deviceId: string): SessionLife;
  isRegistered(life: SessionLife): boolean;
  /** The client left. @param isLate another gateway has its device already */
  close(life: SessionLife, reason: SessionEnd["reason"], isLate: boolean): void;
  /** The client vanished without a word. */
  drop(life: SessionLife): void;
  /** It dies with all its sockets, without a call. */
  crash(): void;
  /** It stands still with all its sockets. */
  freeze(): void;
  /** It ends in good order: its sockets close, and presence is told. */
  drain(): void;
  /** It is there again, after a crash or a good end without its sockets. */
  resume(): void;
  stop(): void;
}
