import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { openRawCall } from "../testing/raw-call.ts";

/** What came back, before any gRPC client had a look at it. */
export interface WireAnswer {
  readonly headers: IncomingHttpHeaders;
  /** Those of the headers, if there was nothing else. */
  readonly trailers: IncomingHttpHeaders;
  /** Uncompressed only if the sender did not compress them. */
  readonly messages: readonly { readonly isCompressed: boolean; readonly bytes: Buffer }[];
}

/** Sends the body as it is, and ends. */
export async function callOnTheWire(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<WireAnswer> {
  const stream = openRawCall(session, path, headers);
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  const chunks: Buffer[] = [];
  stream.on("response", (received) => {
    head = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  await new Promise((resolve) => stream.once("close", resolve));
  return { headers: head, trailers: trailers ?? head, messages: messagesIn(Buffer.concat(chunks)) };
}

/** Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses (Length-Prefixed-Message) */
function messagesIn(body: Buffer): WireAnswer["messages"] {
  const messages = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    messages.push({ isCompressed: body.readUInt8(at) === 1, bytes: body.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}
