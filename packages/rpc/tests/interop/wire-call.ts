import { type ClientHttp2Session, constants, type IncomingHttpHeaders } from "node:http2";
import { openRawCall } from "../../testing/raw-call.ts";

/** What came back, before any gRPC client had a look at it. */
export interface WireAnswer {
  readonly headers: IncomingHttpHeaders;
  /** Those of the headers, if there was nothing else. */
  readonly trailers: IncomingHttpHeaders;
  /** Uncompressed only if the sender did not compress them. */
  readonly messages: readonly { readonly isCompressed: boolean; readonly bytes: Buffer }[];
}

/** One call, sent as it is. */
interface WireCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** What is written at once; then the request ends. */
  readonly pieces: readonly Buffer[];
  /** Resets the stream (CANCEL) after that many bytes of response. */
  readonly cancelAfterBytes?: number;
}

export async function callOnTheWire(session: ClientHttp2Session, call: WireCall): Promise<WireAnswer> {
  const stream = openRawCall(session, call.path, call.headers);
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  const chunks: Buffer[] = [];
  stream.on("response", (received) => {
    head = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  let receivedBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    receivedBytes += chunk.length;
    if (receivedBytes >= (call.cancelAfterBytes ?? Number.POSITIVE_INFINITY)) stream.close(constants.NGHTTP2_CANCEL);
  });
  const closed = new Promise((resolve) => stream.once("close", resolve));
  for (const piece of call.pieces) stream.write(piece);
  stream.end();
  await closed;
  return { headers: head, trailers: trailers ?? head, messages: messagesIn(Buffer.concat(chunks)) };
}

/**
 * Without a last one that is not whole.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses (Length-Prefixed-Message)
 */
function messagesIn(body: Buffer): WireAnswer["messages"] {
  const messages = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (end > body.length) break;
    messages.push({ isCompressed: body.readUInt8(at) === 1, bytes: body.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}
