import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

/**
 * Opens connections that then have no calls. Each line of stdin is how many there shall be; it is answered when they
 * are, settings exchanged, or when those too many are closed. PINGs are answered, so that keepalive finds them alive.
 */

// RFC 9113 §3.4, §4.1, §6.
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const headBytes = 9;
const type = { settings: 4, ping: 6, goAway: 7 };
const acknowledgement = 1;
const nothing = Buffer.alloc(0);

const { values } = parseArgs({ options: { address: { type: "string", default: "" } } });
const [host, port] = values.address.split(":") as [string, string];
const open: IdleConnection[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line);
  while (open.length > count) await open.pop()?.close();
  while (open.length < count) {
    const batch = Array.from({ length: Math.min(100, count - open.length) }, () => openConnection());
    open.push(...(await Promise.all(batch)));
  }
  process.stdout.write(`${JSON.stringify({ connections: open.length })}\n`);
}
process.exit();

interface IdleConnection {
  close(): Promise<void>;
}

/** Resolves when both sides have acknowledged each other's settings. */
function openConnection(): Promise<IdleConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    const closed = new Promise<void>((done) => socket.once("close", () => done()));
    const close = () => {
      socket.end();
      return closed;
    };
    socket.once("connect", () => socket.write(Buffer.concat([preface, frame(type.settings, 0)])));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed a connection")));
    const outstanding = new Set(["their settings", "their acknowledgement of ours"]);
    onFrame(socket, (kind, flags, payload) => {
      const isAcknowledgement = (flags & acknowledgement) !== 0;
      if (kind === type.settings)
        outstanding.delete(isAcknowledgement ? "their acknowledgement of ours" : "their settings");
      if (kind === type.settings && !isAcknowledgement) socket.write(frame(type.settings, acknowledgement));
      if (kind === type.ping && !isAcknowledgement) socket.write(frame(type.ping, acknowledgement, payload));
      if (kind === type.goAway) socket.destroy(new Error("the server sent GOAWAY"));
      if (outstanding.size === 0) resolve({ close });
    });
  });
}

function onFrame(socket: Socket, take: (kind: number, flags: number, payload: Buffer) => void): void {
  let rest = nothing;
  socket.on("data", (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= headBytes) {
      const end = headBytes + rest.readUIntBE(0, 3);
      if (rest.length < end) return;
      take(rest[3] as number, rest[4] as number, rest.subarray(headBytes, end));
      rest = rest.subarray(end);
    }
    if (rest.length === 0) rest = nothing;
  });
}

function frame(ofType: number, flags: number, payload: Buffer = nothing): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = ofType;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}
