import assert from "node:assert/strict";
import { describe } from "node:test";
import type { RpcLimits } from "../../limits.ts";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import {
  data,
  frame,
  goaway,
  ping,
  priority,
  type Setting,
  settings,
  settingsAck,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import { open, request, unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

describe("floods of frames that do nothing, by a caller that reads", () => {
  const floods: readonly {
    sent: string;
    limit: keyof RpcLimits;
    limits?: Partial<RpcLimits>;
    first?: readonly Uint8Array[];
    flood: readonly Uint8Array[];
  }[] = [
    { sent: "PING", limit: "pingStrikes", flood: Array(10).fill(ping()) },
    {
      sent: "SETTINGS with thirty-three settings",
      limit: "settingsPerFrameMax",
      flood: [settings(...Array<Setting>(33).fill(["ENABLE_PUSH", 0]))],
    },
    { sent: "SETTINGS", limit: "settingsBurst", flood: Array(100).fill(settings()) },
    { sent: "PRIORITY", limit: "priorityFramesPerStream", flood: Array(101).fill(priority(1, { dependsOn: 0 })) },
    { sent: "frames of no known type", limit: "priorityFramesPerStream", flood: Array(101).fill(frame(99, 0, 0, "?")) },
    {
      sent: "PRIORITY, after a call that gave reason for some",
      limit: "priorityFramesPerStream",
      first: [unary(1, "a")],
      flood: Array(201).fill(priority(1, { dependsOn: 0 })),
    },
    {
      sent: "WINDOW_UPDATE of the connection",
      limit: "windowUpdatesPerDataFrame",
      flood: Array(6).fill(windowUpdate(0, 1)),
    },
    {
      sent: "WINDOW_UPDATE of a stream",
      limit: "windowUpdatesPerDataFrame",
      first: [open(1), request(1, asks.wait)],
      flood: Array(8).fill(windowUpdate(1, 1)),
    },
    {
      sent: "DATA without a byte",
      limit: "emptyDataMax",
      first: [open(1)],
      flood: Array(101).fill(data(1, "")),
    },
    {
      sent: "DATA that is all padding",
      limit: "emptyDataMax",
      first: [open(1)],
      flood: Array(101).fill(data(1, "", { padding: 255 })),
    },
  ];
  for (const { sent, limit, limits, first = [], flood } of floods) {
    attack(sent, { ...(limits && { limits }) }, async (harness) => {
      const client = await harness.client();
      client.write(...first, ...flood.slice(0, -1));
      client.write(flood.at(-1) as Uint8Array);
      await harness.ends(client, "ENHANCE_YOUR_CALM", limit);
    });
  }

  attack("as much of each as is allowed is borne", {}, async (harness) => {
    const client = await harness.client();
    client.write(open(1), ...Array(3).fill(ping()), ...Array(90).fill(settings()));
    client.write(...Array(100).fill(priority(1, { dependsOn: 0 })), ...Array(100).fill(frame(99, 0, 0, "?")));
    client.write(...Array(7).fill(windowUpdate(0, 1)), ...Array(100).fill(data(1, "")));
    client.write(...Array(50).fill(goaway(0)), ...Array(50).fill(settingsAck()));
    client.write(request(1, "a", { end: true }));
    assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
  });

  attack("SETTINGS at a pace that has a reason may go on for ever", {}, async (harness) => {
    const client = await harness.client();
    for (let second = 0; second < 30; second++) {
      client.write(...Array(10).fill(settings(["INITIAL_WINDOW_SIZE", 65_535 + second])));
      for (let acks = 0; acks < 10; acks++) await client.next("SETTINGS", { ack: true });
      await harness.clock.advance(1_000);
    }
    assert.equal(harness.hits("settingsBurst"), 0);
  });
});

describe("floods by a caller that does not read the answers", () => {
  const limits = { pingMinIntervalMs: 0, pingMinIntervalBusyMs: 0, settingsBurst: 2 ** 30 };
  const answered: Record<string, Uint8Array> = { PING: ping(), SETTINGS: settings() };
  for (const [sent, each] of Object.entries(answered)) {
    attack(sent, { limits }, async (harness) => {
      const client = await harness.nonReadingClient();
      await client.flood(Buffer.concat(Array(10_000).fill(each)), 200);
      await harness.pass(22_000);
      await harness.isLeftBy(1);
      assert.equal(harness.hits("queuedAcksMax"), 1);
    });
  }
});
