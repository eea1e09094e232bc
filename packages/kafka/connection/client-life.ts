import type { Base } from "@platformatic/kafka";

/**
 * Keeps a broken connection from ending the process. The client listens to a connection's first error only; a broker
 * that refuses a login and then resets the socket makes two, and the second one would be thrown at nobody.
 */
export function outliveErrors<Client extends Pick<Base, "connections">>(client: Client): Client {
  client.connections.on("connecting", ({ connection }) => {
    connection?.on("error", () => {});
  });
  return client;
}

interface Closable extends Pick<Base, "connections"> {
  close(force?: boolean): Promise<void>;
}

/** Closes a client that failed, or is no longer needed; what is under way fails. */
export function cut(client: Closable): void {
  const sockets = [...client.connections].map(([, connection]) => connection.socket);
  client.close(true).catch(() => {});
  // Closing waits until everything is written, and a broker that hangs never lets that happen.
  for (const socket of sockets) socket?.destroy();
}
