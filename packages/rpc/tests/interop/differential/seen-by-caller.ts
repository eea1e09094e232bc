import { createHash } from "node:crypto";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { gunzipSync, gzipSync } from "node:zlib";
import { framed } from "../../../testing/raw-call.ts";
import { StreamingOutputCallRequest } from "../generated/grpc/testing/test.ts";
import { callOnTheWire, type WireAnswer } from "../wire-call.ts";
import type { RandomCall, RandomRequest, Script } from "./random-call.ts";
import { ScriptedDefinition } from "./scripted-service.ts";

/** What two servers must agree on. */
export interface Seen {
  readonly status: string | undefined;
  /** Undefined where it is the server's own words. */
  readonly message: string | undefined;
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  /** Length and digest of each response. */
  readonly responses: readonly string[];
}

/** Makes the call with no gRPC client, for those have ways of their own to end a call and to lose responses at its end. */
export async function seenByCaller(call: RandomCall, session: ClientHttp2Session): Promise<Seen> {
  const bodies = call.requests.map(bytesOf);
  const answer = await callOnTheWire(session, {
    path: `/${ScriptedDefinition.fullName}/${call.name}`,
    headers: headersOf(call),
    pieces: inPieces(Buffer.concat(bodies), call.pieceBytes),
    ...(call.endedBy === "caller" && { cancelAfterBytes: 1 }),
  });
  const { headers, trailers } = answer;
  const isOfHandler = call.endedBy === "handler";
  // How much came before any other end is chance.
  return {
    status: trailers["grpc-status"] as string | undefined,
    message: isOfHandler ? decodeURIComponent(String(trailers["grpc-message"] ?? "")) : undefined,
    headers: isOfHandler && headers !== trailers ? entriesOf(headers) : [],
    trailers: isOfHandler ? entriesOf(trailers) : [],
    responses: isOfHandler ? answer.messages.map(fingerprint) : [],
  };
}

function headersOf({ metadata, endedBy }: RandomCall): Record<string, string[]> {
  const headers: Record<string, string[]> = { "grpc-encoding": ["gzip"], "grpc-accept-encoding": ["identity,gzip"] };
  if (endedBy === "deadline") headers["grpc-timeout"] = ["40m"];
  for (const [key, value] of metadata) {
    headers[key] ??= [];
    headers[key].push(key.endsWith("-bin") ? Buffer.from(value, "hex").toString("base64") : value);
  }
  return headers;
}

function bytesOf({ content, isCompressed }: RandomRequest): Buffer {
  const bytes = typeof content === "string" ? Buffer.from(content, "hex") : encode(content);
  return isCompressed ? framed(gzipSync(bytes), true) : framed(bytes);
}

function encode({ body, responses, status, waits }: Script): Buffer {
  const responseParameters = responses.map(({ bytes, isCompressed }) => ({
    size: bytes,
    compressed: { value: isCompressed },
  }));
  const message = StreamingOutputCallRequest.fromPartial({
    responseParameters: waits ? [...responseParameters, { intervalUs: longer }] : responseParameters,
    payload: { body: Buffer.alloc(body.bytes, Buffer.from(body.of, "hex")) },
    responseStatus: status,
  });
  return Buffer.from(StreamingOutputCallRequest.encode(message).finish());
}

/** Than any test may take. */
const longer = 600_000_000;

/** Not more than a hundred. */
function inPieces(body: Buffer, pieceBytes: number): Buffer[] {
  const size = Math.max(pieceBytes, Math.ceil(body.length / 100));
  const pieces = [];
  for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
  return pieces;
}

/** Sorted, without those of the protocol. */
function entriesOf(fields: IncomingHttpHeaders): string[] {
  const keys = Object.keys(fields).filter((key) => !ofProtocol.test(key));
  return keys.sort().map((key) => `${key}: ${shown(key, fields[key])}`);
}

const ofProtocol = /^(:status|content-type|date|accept-encoding|grpc-(status|message|encoding|accept-encoding))$/;

/** Padding of base64 is the sender's choice. */
function shown(key: string, value: string | string[] | undefined): string {
  const values = Array.isArray(value) ? value : [value ?? ""];
  return values.map((each) => (key.endsWith("-bin") ? Buffer.from(each, "base64").toString("hex") : each)).join(" | ");
}

function fingerprint({ isCompressed, bytes }: WireAnswer["messages"][number]): string {
  const plain = isCompressed ? gunzipSync(bytes) : bytes;
  return `${plain.length} ${createHash("sha1").update(plain).digest("hex").slice(0, 12)}`;
}
