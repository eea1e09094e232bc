import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { RpcServer, RpcServerOptions } from "../../server.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { starting } from "./3-starting.ts";
import { startingWithTls } from "./3-starting-with-tls.ts";
import { frames } from "./4-frames.ts";
import { streams } from "./5-streams.ts";
import { connectionFrames } from "./6-connection-frames.ts";
import { flowControl } from "./6-flow-control.ts";
import { settingsFrames } from "./6-settings.ts";
import { streamFrames } from "./6-stream-frames.ts";
import { errorCodes } from "./7-error-codes.ts";
import { semantics } from "./8-semantics.ts";
import { compression } from "./compression.ts";
import type { Case, Requirement } from "./requirement.ts";
import { violationsOf } from "./server-frame-rules.ts";
import { texts } from "./texts.ts";

const chapters: Readonly<Record<string, readonly Requirement[]>> = {
  "RFC 9113 §3, starting": starting,
  "RFC 9113 §4, frames": frames,
  "RFC 9113 §5, streams": streams,
  "RFC 9113 §6, frames of a stream": streamFrames,
  "RFC 9113 §6, SETTINGS": settingsFrames,
  "RFC 9113 §6, frames of a connection": connectionFrames,
  "RFC 9113 §6.9, flow control": flowControl,
  "RFC 9113 §7, error codes": errorCodes,
  "RFC 9113 §8, HTTP": semantics,
  "RFC 7541, header compression": compression,
};

/** What RFC 9113 and RFC 7541 demand of a server: one test for each way to violate a sentence of theirs. */
export function http2Conformance(create: (options: RpcServerOptions) => RpcServer): void {
  for (const [title, demands] of Object.entries(chapters)) {
    describe(title, () => {
      for (const { section, sentence, cases } of demands) {
        for (const each of cases) {
          test(`§${section} ${each.sent}: ${sentence}`, (t) => runCase(t, create, each));
        }
      }
    });
  }
  describe("RFC 9113 §3, starting with TLS", () => startingWithTls(create));
}

async function runCase(t: TestContext, create: (options: RpcServerOptions) => RpcServer, each: Case): Promise<void> {
  const server = create({ services: [texts], ...each.options, limits: { ...patient, ...each.options?.limits } });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const client = await RawHttp2Client.connect(port);
  t.after(async () => {
    client.destroy();
    await server.drain(0);
  });
  if (!each.fromPreface) await client.begin();
  if (typeof each.send === "function") await each.send(client, server);
  else client.write(...each.send);
  await each.expect(client);
  assert.deepEqual(violationsOf(client.received), []);
}

/** Here a PING is a question whether all is well: there are more of them than a real client sends. */
const patient = { pingMinIntervalMs: 0, pingMinIntervalBusyMs: 0 };
