import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { latin1 } from "./hpack/latin1.ts";
import type { MessageType } from "./service.ts";
import { RpcError } from "./status.ts";

/**
 * One request from its protobuf bytes, strictly: a string that is not UTF-8 is refused. Replacing its bytes by U+FFFD,
 * as decoders do by default, would make two different ids the same one.
 * @throws RpcError INVALID_ARGUMENT when the bytes are not a message of this type
 */
export function decodeMessage<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const reader = new StrictReader(bytes);
  const message = decodeWith(type, reader);
  // Generated code stops without a word at a tag of zero or at the end of a group that never began.
  if (reader.pos !== reader.len) throw malformed(`unexpected end of a group at byte ${reader.pos} of ${reader.len}`);
  return message;
}

/** The protobuf bytes of a response. */
export function encodeMessage<T>(type: MessageType<T>, message: T): Uint8Array {
  try {
    const bytes = type.encode(message, writer).finish();
    if (bytes.length > writerKeptMaxBytes) writer = new BinaryWriter();
    return bytes;
  } catch (error) {
    // It holds what was written of the message until then.
    writer = new BinaryWriter();
    throw error;
  }
}

/** One for all messages: a writer of its own, with its buffer, costs more than most of them. */
let writer = new BinaryWriter();
/** A writer that has grown beyond it is let go. */
const writerKeptMaxBytes = 64 * 1024;

function decodeWith<T>(type: MessageType<T>, reader: BinaryReader): T {
  try {
    return type.decode(reader);
  } catch (error) {
    if (error instanceof RpcError) throw error;
    throw malformed(error instanceof Error ? error.message : String(error), error);
  }
}

function malformed(why: string, cause?: unknown): RpcError {
  return new RpcError("INVALID_ARGUMENT", `the request is not a valid protobuf message: ${why}`, { cause });
}

/** Up to here, a look at each byte costs less than the decoder for all of UTF-8. */
const asciiMaxBytes = 128;

class StrictReader extends BinaryReader {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    super(bytes, strictUtf8);
    this.#bytes = bytes;
  }

  override string(): string {
    const start = this.pos;
    const length = this.uint32();
    const from = this.pos;
    const end = from + length;
    if (length <= asciiMaxBytes && end <= this.len && isAscii(this.#bytes, from, end)) {
      this.pos = end;
      return latin1(this.#bytes, from, end);
    }
    this.pos = start;
    return super.string();
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) > 0x7f) return false;
  return true;
}

// A leading U+FEFF belongs to the text: dropping it would make two ids the same one, too.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function strictUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new RpcError(
      "INVALID_ARGUMENT",
      `a string field of ${bytes.length} bytes is not valid UTF-8 (${hexOfFirst(bytes)}): encode ids as UTF-8`,
      { cause: error },
    );
  }
}

function hexOfFirst(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, 16)).toString("hex");
  return bytes.length > 16 ? `${shown}…` : shown;
}
