import { connect } from "node:net";

/**
 * True when a broker answers ApiVersions, which it does before anything else and to anyone: an open port alone may be
 * that of a proxy before a broker that is not there yet. https://kafka.apache.org/protocol#The_Messages_ApiVersions
 * @param broker `host:port`
 * @param timeoutMs how long the answer may take
 */
export function kafkaAnswers(broker: string, timeoutMs = 1_000): Promise<boolean> {
  const [host, port] = broker.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    const done = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
    socket.on("connect", () => socket.write(apiVersionsRequest));
    // Length, then the correlation id of the request.
    socket.on("data", (answer) => done(answer.length >= 8 && answer.readInt32BE(4) === CORRELATION_ID));
  });
}

const CORRELATION_ID = 7;
const apiVersionsRequest = Buffer.from([
  ...[0, 0, 0, 10], // length of what follows
  ...[0, 18, 0, 0], // ApiVersions, version 0
  ...[0, 0, 0, CORRELATION_ID],
  ...[0xff, 0xff], // no client id
]);
