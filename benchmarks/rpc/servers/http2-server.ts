import { once } from "node:events";
import { createSecureServer, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { presence } from "@realchat/presence-proto";
import { change, definition, type PresenceAnswers, presencesOf, refreshed } from "./answers.ts";
import { serve } from "./serve.ts";

/**
 * The least that `node:http2` can do a call with: no deadlines, metadata, compression, limits or errors; a request is
 * one message, and all of it has come.
 */
await serve(async (answers, tls) => {
  const server = tls === undefined ? createServer() : createSecureServer({ cert: tls.certificate, key: tls.key });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => answer(answers, stream, headers));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
});

function answer(answers: PresenceAnswers, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => undefined);
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.on("end", () => {
    const request = unframed(chunks);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    switch (headers[":path"]) {
      case pathOf.refreshSession:
        presence.RefreshSessionRequest.decode(request);
        answers.messagesSent += 1;
        stream.end(framed(presence.RefreshSessionResponse.encode(refreshed()).finish()));
        break;
      case pathOf.getPresence:
        answers.messagesSent += 1;
        stream.end(
          framed(
            presence.GetPresenceResponse.encode(presencesOf(presence.GetPresenceRequest.decode(request))).finish(),
          ),
        );
        break;
      default:
        presence.WatchPresenceRequest.decode(request);
        streamChanges(answers, stream).catch(() => undefined);
    }
  });
}

const pathOf = {
  refreshSession: `/${definition.fullName}/RefreshSession`,
  getPresence: `/${definition.fullName}/GetPresence`,
};

async function streamChanges(answers: PresenceAnswers, stream: ServerHttp2Stream): Promise<void> {
  const { messagesPerStream, isPaced } = answers.streams;
  for (let index = 0; index < messagesPerStream && !stream.destroyed; index++) {
    answers.messagesSent += 1;
    const hasRoom = stream.write(framed(presence.WatchPresenceResponse.encode(change()).finish()));
    if (!hasRoom) await once(stream, "drain");
    if (isPaced) await answers.nextTurn();
  }
  stream.end();
}

/** Flags and length, then the message. Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const prefixBytes = 5;

function unframed(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  const bytes = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
  return bytes.subarray(prefixBytes, prefixBytes + bytes.readUInt32BE(1));
}

function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(prefixBytes + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, prefixBytes);
  return bytes;
}
