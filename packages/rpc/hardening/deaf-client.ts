import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { pause, systemClock } from "@realchat/presence-runtime";
import { preface, type Setting, settings, settingsAck } from "../testing/raw-http2/frames.ts";

/** For so long the server has to read nothing before we say that it reads no more. */
const patienceMs = 250;

/** A client that writes and does not read: what the server sends fills the buffers in between, some megabytes. */
export class DeafClient {
  readonly #socket: Socket;
  readonly #bytesRead: () => number;

  /** @param bytesRead what the server has read so far */
  static async begin(port: number, bytesRead: () => number, values: readonly Setting[]): Promise<DeafClient> {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const client = new DeafClient(socket, bytesRead);
    await client.write(preface, settings(...values), settingsAck());
    return client;
  }

  private constructor(socket: Socket, bytesRead: () => number) {
    this.#socket = socket;
    this.#bytesRead = bytesRead;
    socket.on("error", () => undefined);
  }

  /** @returns false when the server reads no more */
  async write(...frames: readonly Uint8Array[]): Promise<boolean> {
    if (this.#socket.destroyed) return false;
    this.#socket.write(Buffer.concat(frames));
    for (let seen = -1; this.#socket.writableNeedDrain; ) {
      if (this.#socket.destroyed || seen === this.#bytesRead()) return false;
      seen = this.#bytesRead();
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
    await pause(systemClock, patienceMs, enough.signal);
    this.#socket.off("drain", stop).off("close", stop);
  }
}
