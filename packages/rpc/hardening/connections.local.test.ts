import assert from "node:assert/strict";
import { describe } from "node:test";
import { unary } from "../conformance/texts.ts";
import { readAnswer } from "../testing/raw-http2/answer.ts";
import { RawHttp2Client } from "../testing/raw-http2/raw-http2-client.ts";
import { attack } from "./siege.ts";

describe("connections", () => {
  for (const limit of ["connectionsMax", "connectionsPerAddressMax"] as const) {
    // The neighbour has one of them.
    attack(
      `${limit}: those beyond it are closed as they come, and places are given again`,
      { limits: { [limit]: 3 } },
      async (siege) => {
        const first = await siege.client();
        const second = await siege.client();
        for (let count = 0; count < 50; count++) await (await siege.stranger()).untilClosed();
        assert.equal(siege.hits(limit), 50);

        first.destroy();
        await siege.isLeftBy(1);
        const third = await siege.client();
        for (const client of [second, third]) {
          client.write(unary(1, "a"));
          assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
        }
      },
    );
  }

  attack("a thousand that are opened and left leave nothing", { memoryMaxBytes: 4 * 2 ** 20 }, async (siege) => {
    for (let count = 0; count < 1_000; count += 50) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawHttp2Client.connect(siege.port)));
      await Promise.all(clients.map((client) => client.begin()));
      for (const client of clients) client.destroy();
    }
    await siege.isLeftBy(1_000);
  });
});
