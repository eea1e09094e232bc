import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { preface, type Setting, settings, settingsAck } from "../../testing/raw-http2/frames.ts";

/** So often, with so much time in between, the server must have read nothing before we say that it reads no more. */
const looks = 5;
const lookEveryMs = 50;

/** A client that writes and does not read: what the server sends fills the buffers in between, some megabytes. */
export class NonReadingClient {
  readonly #socket: Socket;

  static async begin(port: number, ...values: readonly Setting[]): Promise<NonReadingClient> {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const client = new NonReadingClient(socket);
    await client.write(preface, settings(...values), settingsAck());
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
  }

  /** Whether the operating system has taken all that was written. */
  get isRead(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  /** @returns false when the server reads no more */
  async write(...frames: readonly Uint8Array[]): Promise<boolean> {
    if (this.#socket.destroyed) return false;
    this.#socket.write(Buffer.concat(frames));
    for (let idle = 0, seen = 0; this.#socket.writableNeedDrain; ) {
      const { destroyed, writableLength } = this.#socket;
      idle = writableLength === seen ? idle + 1 : 0;
      if (destroyed || idle === looks) return false;
      seen = writableLength;
      await this.#moved();
    }
    return true;
  }

  /** Writes the same again and again until the server reads no more. */
  async flood(bytes: Uint8Array, timesMax: number): Promise<void> {
    for (let times = 0; times < timesMax && (await this.write(bytes)); times++);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Returns when the socket has taken all, or time is up. */
  async #moved(): Promise<void> {
    const enough = new AbortController();
    const stop = () => enough.abort();
    this.#socket.once("drain", stop).once("close", stop);
    await pause(systemClock, lookEveryMs, enough.signal);
    this.#socket.off("drain", stop).off("close", stop);
  }
}
