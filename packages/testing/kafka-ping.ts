import { connect } from "node:net";

/**
 * True when a broker answers ApiVersions, which it does before anything else and to anyone: an open port alone may be
 * that of a proxy before a broker that is not there yet. https://kafka.apache.org/protocol#The_Messages_ApiVersions
 * @param broker `host:port`
 * @param timeoutMs how long the answer may take
 */
export async function kafkaAnswers(broker: string, timeoutMs = 1_000): Promise<boolean> {
  return (await ask(broker, requestOf(18, 0, []), timeoutMs)) !== undefined;
}

/**
 * True when a broker that asks for no login knows of one that is in service. It answers a moment before it is, and
 * refuses until then to create topics. https://kafka.apache.org/protocol#The_Messages_Metadata
 */
export async function kafkaServes(broker: string, timeoutMs = 1_000): Promise<boolean> {
  const noTopics = [0, 0, 0, 0];
  const answer = await ask(broker, requestOf(3, 4, [...noTopics, 0]), timeoutMs);
  // After the throttle time comes the count of brokers.
  return answer !== undefined && answer.length >= 8 && answer.readInt32BE(4) > 0;
}

const CORRELATION_ID = 7;

function requestOf(apiKey: number, version: number, body: readonly number[]): Buffer {
  const noClientId = [0xff, 0xff];
  const rest = [0, apiKey, 0, version, 0, 0, 0, CORRELATION_ID, ...noClientId, ...body];
  return Buffer.from([0, 0, 0, rest.length, ...rest]);
}

/** @returns what follows the correlation id; undefined when there is no answer in time */
function ask(broker: string, request: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
  const [host, port] = broker.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    const done = (answer?: Buffer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => done());
    socket.on("error", () => done());
    socket.on("close", () => done());
    socket.on("connect", () => socket.write(request));
    // Length, then the correlation id of the request; what we read of the rest comes in the same packet.
    socket.on("data", (data) =>
      done(data.length >= 8 && data.readInt32BE(4) === CORRELATION_ID ? data.subarray(8) : undefined),
    );
  });
}
