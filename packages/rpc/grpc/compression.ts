import { gunzipSync, gzipSync } from "node:zlib";
import { RpcError } from "../status.ts";

/** What we take and send, as `grpc-accept-encoding` says it. */
export const acceptedEncodings = "identity,gzip";

/** Sent as it is: below this many bytes, gzip makes a message longer. */
const compressedMinBytes = 64;

/**
 * @returns undefined when the message is better sent as it is
 */
export function compress(message: Uint8Array): Uint8Array | undefined {
  if (message.length < compressedMinBytes) return undefined;
  const compressed = gzipSync(message, { level: 1 });
  return compressed.length < message.length ? compressed : undefined;
}

/**
 * @param maxBytes what the message may be at most; no more memory than that is used for one that would be longer
 * @throws RpcError RESOURCE_EXHAUSTED, or INTERNAL when it is not gzip
 */
export function decompress(compressed: Uint8Array, maxBytes: number): Buffer {
  try {
    return gunzipSync(compressed, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw new MessageTooLarge(maxBytes);
    throw new RpcError("INTERNAL", "a request could not be decompressed with gzip", { cause: error });
  }
}

/** A request beyond the limit, as it came or decompressed. */
export class MessageTooLarge extends RpcError {
  constructor(maxBytes: number) {
    super("RESOURCE_EXHAUSTED", `a request is larger than the limit of ${maxBytes} bytes`);
  }
}
