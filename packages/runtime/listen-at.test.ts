import assert from "node:assert/strict";
import { test } from "node:test";
import { listenAt } from "./listen-at.ts";

const address = { host: "127.0.0.1", port: 50056 };

test("the bound port comes through", async () => {
  assert.equal(await listenAt("GRPC_ADDR", address, async ({ port }) => port + 1), 50057);
});

test("a refusal names the setting and what to do, also when the code is only in the cause", async () => {
  const raw = Object.assign(new Error("listen EADDRINUSE: address already in use"), { code: "EADDRINUSE" });
  const message = "GRPC_ADDR=127.0.0.1:50056: another process listens there; stop it or choose another port";
  for (const error of [raw, new Error("cannot bind", { cause: raw })]) {
    await assert.rejects(
      listenAt("GRPC_ADDR", address, () => Promise.reject(error)),
      { message },
    );
  }
});

test("a refusal that is not known keeps its own words", async () => {
  const listen = () => Promise.reject(new Error("no certificate"));
  await assert.rejects(listenAt("GRPC_ADDR", address, listen), {
    message: "GRPC_ADDR=127.0.0.1:50056: no certificate",
  });
});
