import assert from "node:assert/strict";
import { describe } from "node:test";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";

describe("connections", () => {
  for (const limit of ["connectionsMax", "connectionsPerAddressMax"] as const) {
    // The otherCaller has one of them.
    attack(
      `${limit}: those beyond it are closed as they come, and places are given again`,
      { limits: { [limit]: 3 } },
      async (harness) => {
        const first = await harness.client();
        const second = await harness.client();
        for (let count = 0; count < 50; count++) await (await harness.rawClient()).untilClosed();
        assert.equal(harness.hits(limit), 50);

        first.destroy();
        await harness.isLeftBy(1);
        const third = await harness.client();
        for (const client of [second, third]) {
          client.write(unary(1, "a"));
          assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
        }
      },
    );
  }

  attack("a thousand that are opened and left leave nothing", { memoryMaxBytes: 4 * 2 ** 20 }, async (harness) => {
    for (let count = 0; count < 1_000; count += 50) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawHttp2Client.connect(harness.port)));
      await Promise.all(clients.map((client) => client.begin()));
      for (const client of clients) client.destroy();
    }
    await harness.isLeftBy(1_000);
  });
});
