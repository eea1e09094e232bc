import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { systemClock } from "@realchat/presence-runtime/clock";
import { FieldBlockReader } from "./field-block-reader.ts";
import {
  type FrameType,
  ping,
  preface,
  type Setting,
  type SettingName,
  settingIds,
  settings,
  settingsAck,
} from "./frames.ts";
import { describeFrame, has, type ReceivedFrame, readFrame } from "./received-frame.ts";

/** How long the server may take for anything; what is waited for comes at once, or something is wrong. */
const deadlineMs = 30_000;

interface Wanted {
  /** Only on this stream. */
  readonly stream?: number;
  /** SETTINGS and PING: the answer to ours, not the server's own. */
  readonly ack?: boolean;
}

/**
 * A client of HTTP/2 that keeps no rule: it writes the bytes that it is given and shows the frames that come. It
 * answers nothing by itself.
 */
export class RawHttp2Client {
  /** All that came so far, also what was taken from the queue. */
  readonly received: ReceivedFrame[] = [];
  readonly #socket: Socket;
  readonly #blocks = new FieldBlockReader();
  /** What came and was not taken; a HEADERS frame once its block is complete. */
  readonly #queue: ReceivedFrame[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;
  #pings = 0;
  /** Called when there is something new to look at. */
  #wake: () => void = () => undefined;

  /** @param socket one that is connected, TCP or TLS */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => undefined);
    for (const event of ["end", "close"]) socket.on(event, () => this.#end(new Error("the connection was closed")));
  }

  static async connect(port: number): Promise<RawHttp2Client> {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return new RawHttp2Client(socket);
  }

  /** Sends the preface with these settings, and returns when both sides have acknowledged each other's. */
  async begin(...values: readonly Setting[]): Promise<void> {
    this.write(preface, settings(...values));
    await this.next("SETTINGS");
    this.write(settingsAck());
    await this.next("SETTINGS", { ack: true });
  }

  write(...bytes: readonly Uint8Array[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(bytes));
  }

  /** Writes one byte at a time, so that the server reads them in many small chunks. */
  async drip(bytes: Uint8Array): Promise<void> {
    for (const byte of bytes) await new Promise((resolve) => this.#socket.write(Buffer.of(byte), resolve));
  }

  /** Sends no more, and goes on reading. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Takes the next frame of a type; others that came before it stay for whoever wants them. But RST_STREAM and GOAWAY
   * say that something else happened than what is waited for.
   * @throws Error when one of these comes or the connection ends before it, or it does not come in time
   */
  next(type: FrameType, wanted: Wanted = {}): Promise<ReceivedFrame> {
    return this.nextOf([type], wanted);
  }

  /** As `next`, for the first frame of several types. */
  async nextOf(types: readonly FrameType[], wanted: Wanted = {}): Promise<ReceivedFrame> {
    const { stream, ack } = wanted;
    const what = `${types.join(" or ")}${ack ? " ACK" : ""}${stream === undefined ? "" : ` on stream ${stream}`}`;
    let found: number;
    do {
      found = this.#queue.findIndex((frame) => isWanted(frame, types, wanted) || tellsOfAnEnd(frame));
    } while (found < 0 && (await this.#more(what)));
    const frame = this.#queue[found];
    if (frame === undefined) throw new Error(`no ${what}: ${this.#ended?.message}`, { cause: this.#ended });
    if (!isWanted(frame, types, wanted)) throw new Error(`no ${what}, but ${describeFrame(frame)}`);
    this.#queue.splice(found, 1);
    return frame;
  }

  /** Returns when the server has read all that was sent before, and has answered what it answers at once. */
  async roundTrip(): Promise<void> {
    const opaque = Buffer.alloc(8);
    opaque.writeUInt32BE(++this.#pings, 4);
    this.write(ping(opaque));
    while (!(await this.next("PING", { ack: true })).payload.equals(opaque));
  }

  /** Returns when the server has closed the connection; what is in the queue does not matter. */
  async untilClosed(): Promise<void> {
    await this.#until(() => this.#ended !== undefined, "the end of the connection");
  }

  /** A setting as the server announced it last; undefined: it did not. */
  serverSetting(name: SettingName): number | undefined {
    let value: number | undefined;
    for (const { type, payload } of this.received) {
      if (type !== "SETTINGS") continue;
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) === settingIds[name]) value = payload.readUInt32BE(at + 2);
      }
    }
    return value;
  }

  /** Waits for another frame. @returns false when there will be none */
  async #more(what: string): Promise<boolean> {
    const before = this.#queue.length;
    await this.#until(() => this.#queue.length > before || this.#ended !== undefined, what);
    return this.#queue.length > before;
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    let isLate = false;
    const cancel = systemClock.after(deadlineMs, () => {
      isLate = true;
      this.#wake();
    });
    while (!condition() && !isLate) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    cancel();
    if (condition()) return;
    const seen = this.received.slice(-5).map(describeFrame).join("; ");
    throw new Error(`waited ${deadlineMs} ms for ${what}, in vain; last came: ${seen === "" ? "nothing" : seen}`);
  }

  #read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (let read = readFrame(this.#bytes); read !== undefined; read = readFrame(this.#bytes)) {
      this.#bytes = this.#bytes.subarray(read.length);
      this.received.push(read.frame);
      this.#enqueue(read.frame);
    }
    this.#wake();
  }

  #enqueue(frame: ReceivedFrame): void {
    if (frame.type !== "HEADERS" && frame.type !== "CONTINUATION") {
      this.#queue.push(frame);
      return;
    }
    try {
      const headers = this.#blocks.read(frame);
      if (headers !== undefined) this.#queue.push(headers);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    this.#wake();
  }
}

function isWanted(frame: ReceivedFrame, types: readonly FrameType[], { stream, ack = false }: Wanted): boolean {
  const { type } = frame;
  if (!types.some((each) => each === type) || (stream !== undefined && frame.stream !== stream)) return false;
  return (type !== "SETTINGS" && type !== "PING") || has(frame, "ACK") === ack;
}

function tellsOfAnEnd({ type }: ReceivedFrame): boolean {
  return type === "RST_STREAM" || type === "GOAWAY";
}
