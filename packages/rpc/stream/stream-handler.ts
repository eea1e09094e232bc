import type { Connection } from "../connection/connection.ts";
import type { StreamLoss } from "../connection/stream-end.ts";
import type { HeaderField } from "../hpack/header-field.ts";

/** A stream as those see it who answer its request. */
export interface RequestStream {
  readonly connection: Pick<Connection, "peer" | "peerCertificate" | "heardMs" | "limits" | "limitHit">;
  /** Nothing goes either way any more. */
  readonly isClosed: boolean;
  /** Whether a producer may go on. If not: `waitForRoom`. */
  readonly hasRoom: boolean;
  /** Has the handler's `writable` called when there is room. */
  waitForRoom(): void;
  /** Bytes of the request that the handler is done with: the peer may send as many more. */
  consumed(bytes: number): void;
  /**
   * What a handler keeps of a request that is not complete, though it was consumed.
   * @returns whether there is room for that among all that the connection keeps
   */
  retain(bytes: number): boolean;
  /** @param fields encoded without a table but the static one; not while data still waits */
  sendHeaders(fields: Uint8Array, endStream: boolean): void;
  /** Sends two pieces as one; they wait if a window is too small, and must not change. */
  sendData(prefix: Uint8Array, body: Uint8Array): void;
  /** Ends the response, after whatever still waits; without trailers unless they are given. */
  end(trailers?: Uint8Array): void;
  /** The handler is done with this stream; its output may still be on its way. Once, however often it is said. */
  handled(): void;
}

/** What answers one request. None of it may throw. */
export interface StreamHandler {
  /** Bytes of the request; a handler that is done with them calls `RequestStream.consumed`. */
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
  accept(stream: RequestStream, fields: readonly HeaderField[]): StreamHandler | undefined;
  /** Answers a request whose fields are too many to be kept. */
  refuseFields(stream: RequestStream): void;
}
