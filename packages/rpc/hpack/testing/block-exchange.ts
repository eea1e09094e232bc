import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { HpackDecoder } from "../decoder.ts";
import type { HeaderPair } from "../encoder.ts";
import type { HeaderField } from "../header-field.ts";
import { HpackEncoder } from "./hpack-encoder.ts";

/**
 * As much of an HTTP/2 server, RFC 9113, as it takes to exchange header blocks with a client of another make: it reads
 * the blocks of requests with our decoder and answers each with one of our encoder's.
 */
export class BlockExchange {
  readonly #server: Server;
  readonly #tableMaxBytes: number;
  readonly #answer: (request: readonly HeaderPair[]) => Iterable<HeaderPair>;
  #socket: Socket | undefined;

  /** @param tableMaxBytes SETTINGS_HEADER_TABLE_SIZE to announce */
  static async open(
    tableMaxBytes: number,
    answer: (request: readonly HeaderPair[]) => Iterable<HeaderPair>,
  ): Promise<BlockExchange> {
    const exchange = new BlockExchange(tableMaxBytes, answer);
    exchange.#server.listen(0, "127.0.0.1");
    await once(exchange.#server, "listening");
    return exchange;
  }

  constructor(tableMaxBytes: number, answer: (request: readonly HeaderPair[]) => Iterable<HeaderPair>) {
    this.#tableMaxBytes = tableMaxBytes;
    this.#answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#socket?.destroy();
  }

  #serve(socket: Socket): void {
    this.#socket = socket;
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder({
      tableMaxBytes: this.#tableMaxBytes,
      listMaxBytes: 2 ** 20,
      classify: () => {},
    });
    let block = Buffer.alloc(0);
    const frames = new Map<number, (flags: number, stream: number, payload: Buffer) => void>([
      [headers, (flags, stream, payload) => take(flags, stream, payload.subarray(flags & hasPriority ? 5 : 0))],
      [continuation, (flags, stream, payload) => take(flags, stream, payload)],
      [settings, (flags, _, payload) => agree(flags, payload)],
    ]);
    socket.write(frame(settings, 0, 0, setting(headerTableSize, this.#tableMaxBytes)));
    socket.on("error", () => {}); // the client may be gone before it has read everything
    readFrames(socket, (type, flags, stream, payload) => frames.get(type)?.(flags, stream, payload));

    const take = (flags: number, stream: number, fragment: Buffer): void => {
      block = Buffer.concat([block, fragment]);
      if (!(flags & endHeaders)) return;
      const fields: HeaderField[] = [];
      decoder.decode(block, 0, block.length, fields);
      block = Buffer.alloc(0);
      const answer = encoder.encode(this.#answer(fields.map(({ name, value }) => [name, value])));
      socket.write(blockFrames(stream, answer));
    };
    const agree = (flags: number, payload: Buffer): void => {
      if (flags & acknowledges) {
        decoder.settingsAcknowledged();
        return;
      }
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === headerTableSize) encoder.setTableMaxBytes(payload.readUInt32BE(at + 2));
      }
      socket.write(frame(settings, acknowledges, 0, Buffer.alloc(0)));
    };
  }
}

const headers = 0x1;
const settings = 0x4;
const continuation = 0x9;

const acknowledges = 0x1;
const endStream = 0x1;
const endHeaders = 0x4;
const hasPriority = 0x20;

const headerTableSize = 0x1;

const prefaceBytes = 24;
const headBytes = 9;
/** Before anybody asks for more: RFC 9113 §6.5.2. Our blocks have at most twice as many bytes. */
const payloadMaxBytes = 16_384;

function readFrames(
  socket: Socket,
  take: (type: number, flags: number, stream: number, payload: Buffer) => void,
): void {
  let left = Buffer.alloc(0);
  let begins = prefaceBytes;
  socket.on("data", (chunk) => {
    left = Buffer.concat([left, chunk]);
    for (;;) {
      if (left.length < begins + headBytes) return;
      const end = begins + headBytes + left.readUIntBE(begins, 3);
      if (left.length < end) return;
      take(
        left.readUInt8(begins + 3),
        left.readUInt8(begins + 4),
        left.readUInt32BE(begins + 5),
        left.subarray(begins + headBytes, end),
      );
      left = left.subarray(end);
      begins = 0;
    }
  });
}

function blockFrames(stream: number, block: Buffer): Buffer {
  const first = frame(headers, endStream, stream, block.subarray(0, payloadMaxBytes));
  const last = frame(continuation, endHeaders, stream, block.subarray(payloadMaxBytes));
  return Buffer.concat([first, last]);
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}
