import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { TestContext } from "node:test";

/**
 * An HTTP/2 connection without a gRPC client's rules, for what a well-behaved one never sends.
 * @param ca PEM; with it the connection is TLS
 */
export function openRawConnection(t: TestContext, port: number, ca?: string): ClientHttp2Session {
  // In MB. Node never takes off what a server did not wait to be sent, and goes deaf at the end: grpc-js sets it, too.
  const maxSessionMemory = 10_000;
  const session =
    ca === undefined
      ? connect(`http://127.0.0.1:${port}`, { maxSessionMemory })
      : connect(`https://localhost:${port}`, { ca, maxSessionMemory });
  session.on("error", () => undefined);
  t.after(() => session.destroy());
  return session;
}

export function openRawCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

/** Sends the bytes as they are and closes. @returns the call's `grpc-status` and `grpc-message` */
export function finishRawCall(stream: ClientHttp2Stream, body: Buffer): Promise<{ status: number; message: string }> {
  stream.end(body);
  stream.resume();
  return new Promise((resolve) => {
    const settle = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] === undefined) return;
      resolve({ status: Number(headers["grpc-status"]), message: decodeURI(String(headers["grpc-message"] ?? "")) });
    };
    stream.on("response", settle);
    stream.on("trailers", settle);
  });
}

/** A message with its prefix. Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export function framed(message: Buffer, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
