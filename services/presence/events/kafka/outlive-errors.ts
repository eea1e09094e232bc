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
