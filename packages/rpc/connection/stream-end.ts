import type { ErrorCode } from "../frame/frame.ts";
import type { HeaderField } from "../hpack/header-field.ts";

/** An error that ends one stream (RFC 9113 §5.4.2): RST_STREAM with this code. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a connection tells one of its streams. All but `lost` and `pump` may throw a StreamError. */
export interface StreamEnd {
  readonly id: number;
  /** A whole block of fields: the request's, or its trailers. @param listBytes their size; not all are there if too many */
  headers(fields: HeaderField[], listBytes: number, endStream: boolean): void;
  /** @param windowBytes what the frame takes of the windows, padding included */
  data(bytes: Buffer, start: number, end: number, windowBytes: number, endStream: boolean): void;
  windowUpdate(increment: number): void;
  /** The peer changed the window that its streams begin with. @throws ConnectionError when this one gets too large */
  initialWindowChanged(difference: number): void;
  /** The stream is over, by a reset of either side or the end of the connection. */
  lost(why: StreamLoss): void;
  /** Sends one frame of what waits. @returns whether it could, and has more */
  pump(): boolean;
  /** Looks for output that nobody takes. */
  tick(nowMs: number): void;
}

export type StreamLoss = "reset by peer" | "reset by us" | "connection lost";
