import assert from "node:assert/strict";
import { describe } from "node:test";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { ping } from "../../testing/raw-http2/frames.ts";
import { open, request, unary } from "../conformance/texts.ts";
import { attack } from "./attack-harness.ts";
import { asks } from "./attacked-service.ts";

/** Longer than any of these tests lasts: the server does not ask by itself. */
const limits = { keepaliveTimeMs: 1e9 };
const minute = 60_000;

describe("PINGs too often, gRPC proposal A8", () => {
  attack("without calls: two within five minutes are borne, the third is one too many", { limits }, async (harness) => {
    const client = await harness.client();
    for (let count = 0; count < 3; count++) {
      await client.roundTrip();
      await harness.clock.advance(4 * minute);
    }
    client.write(ping());
    await harness.ends(client, "ENHANCE_YOUR_CALM", "pingStrikes");
    assert.match(client.received.at(-1)?.payload.toString("latin1", 8) ?? "", /too_many_pings/);
  });

  attack("without calls: one every five minutes is fine", { limits }, async (harness) => {
    const client = await harness.client();
    for (let count = 0; count < 6; count++) {
      await client.roundTrip();
      await harness.clock.advance(5 * minute);
    }
    assert.equal(harness.hits("pingStrikes"), 0);
  });

  attack("with a call: one every ten seconds is fine, and one every nine is not", { limits }, async (harness) => {
    const client = await harness.client();
    client.write(unary(1, asks.hold));
    for (let count = 0; count < 6; count++) {
      await client.roundTrip();
      await harness.clock.advance(10_000);
    }
    for (let count = 0; count < 3; count++) {
      await client.roundTrip();
      await harness.clock.advance(9_000);
    }
    client.write(ping());
    await harness.ends(client, "ENHANCE_YOUR_CALM", "pingStrikes");
  });

  attack(
    "with a call: a millisecond less than ten seconds is too often, though ticks are seconds apart",
    { limits },
    async (harness) => {
      const client = await harness.client();
      client.write(unary(1, asks.hold));
      await harness.clock.advance(999);
      for (let count = 0; count < 3; count++) {
        await client.roundTrip();
        await harness.clock.advance(9_999);
      }
      client.write(ping());
      await harness.ends(client, "ENHANCE_YOUR_CALM", "pingStrikes");
    },
  );

  attack(
    "DATA that we send wipes the strikes away: a peer that measures the path may ask thrice after each",
    { limits },
    async (harness) => {
      const client = await harness.client();
      client.write(open(1, "Chat"));
      for (let count = 0; count < 20; count++) {
        client.write(request(1, "a"));
        await client.next("DATA", { stream: 1 });
        for (let pings = 0; pings < 3; pings++) await client.roundTrip();
      }
      client.write(request(1, "b", { end: true }));
      assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
      assert.equal(harness.hits("pingStrikes"), 0);
    },
  );
});
