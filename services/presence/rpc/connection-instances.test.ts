import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConnectionInstances } from "./connection-instances.ts";

const [one, other] = [{ connection: {} }, { connection: {} }];

describe("the gateway of a heartbeat without session_id", () => {
  test("is that of the last Register on the same connection", () => {
    const instances = new ConnectionInstances();
    instances.registered(one, "gateway-1");
    instances.registered(other, "gateway-2");
    instances.registered(one, "gateway-3");
    assert.deepEqual(instances.signed({ sessionId: "" }, one), { sessionId: "", instanceId: "gateway-3" });
    assert.deepEqual(instances.signed({ sessionId: "" }, other), { sessionId: "", instanceId: "gateway-2" });
  });

  test("is not known without a Register, and not needed beside a session_id", () => {
    const instances = new ConnectionInstances();
    assert.deepEqual(instances.signed({ sessionId: "" }, one), { sessionId: "" });
    instances.registered(one, "gateway-1");
    const heartbeat = { sessionId: "5.c1" };
    assert.equal(instances.signed(heartbeat, one), heartbeat);
  });
});
