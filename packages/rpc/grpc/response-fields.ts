import { encodeStateless, type HeaderPair } from "../hpack/encoder.ts";
import { type RpcCode, rpcCodes } from "../status.ts";
import { acceptedEncodings } from "./compression.ts";
import { encodeStatusMessage } from "./status-message.ts";

const opening: readonly HeaderPair[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];

/** Fields that open nearly every response, encoded once. */
export const plainHeaders = encodeStateless(opening);
/** Fields that end a call which went well. */
export const okTrailers = encodeStateless([["grpc-status", "0"]]);

export function headersWith(isGzip: boolean, metadata: readonly HeaderPair[]): Uint8Array {
  const gzip: HeaderPair[] = isGzip ? [["grpc-encoding", "gzip"]] : [];
  return encodeStateless([...opening, ...gzip, ...metadata]);
}

/** @param isOnly whether nothing went before: "Trailers-Only" of the protocol */
export function trailersWith(
  code: RpcCode,
  message: string,
  metadata: readonly HeaderPair[],
  isOnly: boolean,
): Uint8Array {
  const fields: HeaderPair[] = [["grpc-status", String(rpcCodes[code])]];
  if (message !== "") fields.push(["grpc-message", encodeStatusMessage(message)]);
  return encodeStateless([...(isOnly ? opening : []), ...fields, ...metadata]);
}

/** For a caller that compresses by what we do not know. */
export const encodingAdvice: readonly HeaderPair[] = [["grpc-accept-encoding", acceptedEncodings]];

/** Opens an answer to what is not gRPC at all. */
export function plainText(status: number): Uint8Array {
  return encodeStateless([
    [":status", String(status)],
    ["content-type", "text/plain; charset=utf-8"],
  ]);
}

/** As `-bin` keys carry bytes: without padding. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64").replaceAll("=", "");
}

const keyRule = /^[0-9a-z_.-]+$/;
const valueRule = /^[ -~]*$/;

/**
 * Checks metadata that a handler sends.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests (Custom-Metadata)
 * @throws TypeError when key or value may not be sent
 */
export function metadataPair(key: string, value: string | Uint8Array): HeaderPair {
  if (!keyRule.test(key) || key.startsWith("grpc-")) {
    throw new TypeError(
      `metadata key ${JSON.stringify(key)}: lower case, digits, _ . - and not grpc- at the beginning`,
    );
  }
  if (key.endsWith("-bin")) {
    return [key, base64(typeof value === "string" ? Buffer.from(value) : value)];
  }
  if (typeof value !== "string") throw new TypeError(`metadata ${key}: bytes need a key that ends in -bin`);
  if (!valueRule.test(value)) throw new TypeError(`metadata ${key}: only printable ASCII can be sent as text`);
  return [key, value.trim()];
}
