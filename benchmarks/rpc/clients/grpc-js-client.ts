import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { presence } from "@realchat/presence-proto";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { openLoop } from "../../load/open-loop.ts";
import { percentile } from "../../report/figure.ts";
import type { Method, Outcome, Round } from "../caller.ts";
import { definition } from "../servers/answers.ts";

/**
 * Stands in for go/client where Go is not installed, and speaks as it does: a line of stdin is a round, answered by a
 * line with what came of it.
 */

const { values } = parseArgs({
  options: {
    address: { type: "string", default: "" },
    ca: { type: "string" },
    method: { type: "string", default: "refresh-session" },
    connections: { type: "string", default: "1" },
    "in-flight": { type: "string", default: "1" },
  },
});
const security =
  values.ca === undefined ? credentials.createInsecure() : credentials.createSsl(readFileSync(values.ca));
const clients = Array.from(
  { length: Number(values.connections) },
  // Otherwise clients of the same address would share a connection.
  () => new Client(values.address, security, { "grpc.use_local_subchannel_pool": 1 }),
);
const inFlight = Number(values["in-flight"]);
const call = callerOf(values.method as Method);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as Round))}\n`);
}
for (const client of clients) client.close();

async function run({ forMs, perSecond }: Round): Promise<Outcome> {
  const latenciesUs: number[] = [];
  let messages = 0;
  const timed = async (client: Client, dueMs: number) => {
    const received = await call(client);
    messages += received;
    latenciesUs.push((clock.monotonicMs() - dueMs) * 1000);
  };
  if (perSecond === undefined) {
    const endMs = clock.monotonicMs() + forMs;
    const callers = clients.flatMap((client) => Array.from({ length: inFlight }, () => client));
    await Promise.all(
      callers.map(async (client) => {
        while (clock.monotonicMs() < endMs) await timed(client, clock.monotonicMs());
      }),
    );
  } else {
    const calls: Promise<void>[] = [];
    await openLoop({ perSecond, count: Math.floor((perSecond * forMs) / 1000) }, (index, dueMs) =>
      calls.push(timed(clients[index % clients.length] as Client, dueMs)),
    );
    await Promise.all(calls);
  }
  const [p50Us, p99Us] = [percentile(latenciesUs, 0.5), percentile(latenciesUs, 0.99)];
  return { calls: latenciesUs.length, messages, p50Us, p99Us };
}

/** @returns what makes one call and resolves to how many messages came */
function callerOf(method: Method): (client: Client) => Promise<number> {
  switch (method) {
    case "refresh-session": {
      const request = presence.RefreshSessionRequest.encode({
        userId: randomUUID(),
        deviceId: randomUUID(),
        sessionId: "1700000000000000.7",
      }).finish();
      return unaryCaller("RefreshSession", request, presence.RefreshSessionResponse.decode);
    }
    case "get-presence": {
      const userIds = Array.from({ length: 100 }, () => randomUUID());
      const request = presence.GetPresenceRequest.encode({ userIds }).finish();
      return unaryCaller("GetPresence", request, presence.GetPresenceResponse.decode);
    }
    case "watch-presence":
      return async (client) => {
        const { path, metadata, options } = newCall("WatchPresence");
        const decode = presence.WatchPresenceResponse.decode;
        const stream = client.makeServerStreamRequest(path, asIs, decode, Buffer.alloc(0), metadata, options);
        let messages = 0;
        for await (const _ of stream) messages += 1;
        return messages;
      };
  }
}

function unaryCaller(name: string, request: Uint8Array, decode: (bytes: Buffer) => unknown) {
  const bytes = Buffer.from(request);
  return (client: Client) =>
    new Promise<number>((resolve, reject) => {
      const { path, metadata, options } = newCall(name);
      client.makeUnaryRequest(path, asIs, decode, bytes, metadata, options, (error) =>
        error === null ? resolve(1) : reject(error),
      );
    });
}

function newCall(name: string) {
  const metadata = new Metadata();
  metadata.set("x-request-id", randomUUID());
  const options = { deadline: Math.ceil(clock.nowUs() / 1000) + 10_000 };
  return { path: `/${definition.fullName}/${name}`, metadata, options };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
