import type { StreamLoss } from "../connection/stream-end.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import type { Stream } from "./stream.ts";

/** What answers one request. None of it may throw. */
export interface StreamHandler {
  /** Bytes of the request; a handler that is done with them calls `Stream.consumed`. */
  data(bytes: Buffer, start: number, end: number): void;
  /** That was all of it. */
  ended(): void;
  /** The stream is closed: nobody waits for the answer any more. */
  lost(why: StreamLoss): void;
  /** There is room again for output. */
  writable(): void;
}

/** Takes the requests of all streams. */
export interface RequestAcceptor {
  /** Begins to answer a well-formed request; undefined when it is answered already. */
  accept(stream: Stream, fields: readonly HeaderField[]): StreamHandler | undefined;
  /** Answers a request whose fields are too many to be kept. */
  refuseFields(stream: Stream): void;
}
