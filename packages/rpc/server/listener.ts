import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { listeningError } from "@realchat/presence-runtime/listening-error";

interface ListenerOptions {
  /** Connections open at once; more are closed as soon as they are accepted. */
  readonly connectionsMax: number;
  /** The same, from one address. */
  readonly connectionsPerAddressMax: number;
  /** @param peer address and port of the caller */
  readonly accept: (socket: Socket, peer: string) => void;
  readonly refused?: (limit: "connectionsMax" | "connectionsPerAddressMax", peer: string) => void;
}

/** Accepts TCP connections and knows which are open. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /**
   * @param host name or address, IPv4 or IPv6 without brackets; empty: every interface
   * @returns the port that was bound, which matters when 0 was asked for
   * @throws Error that says what keeps the address from being used
   */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen({ port, ...(host !== "" && { host }) });
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
      throw new Error(`cannot listen on ${address}: ${listeningError(cause)}`, { cause });
    }
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** Accepts no more; open connections stay. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves when no connection is open, at once if there is none. */
  async connectionsClosed(): Promise<void> {
    await Promise.all([...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))));
  }

  /** Cuts whatever is open. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const peer = `${address}:${socket.remotePort}`;
    // An error that nobody listens to ends the process; a socket that fails also closes, and that is looked at.
    socket.on("error", () => undefined);
    const exceeded = this.#exceeded(address);
    if (exceeded !== undefined) {
      this.#options.refused?.(exceeded, peer);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#count(address, 1);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#count(address, -1);
    });
    this.#options.accept(socket, peer);
  }

  #exceeded(address: string): "connectionsMax" | "connectionsPerAddressMax" | undefined {
    const { connectionsMax, connectionsPerAddressMax } = this.#options;
    if (this.#sockets.size >= connectionsMax) return "connectionsMax";
    return (this.#byAddress.get(address) ?? 0) >= connectionsPerAddressMax ? "connectionsPerAddressMax" : undefined;
  }

  #count(address: string, difference: number): void {
    const count = (this.#byAddress.get(address) ?? 0) + difference;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }
}
