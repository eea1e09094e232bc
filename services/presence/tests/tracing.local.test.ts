import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { presence } from "@realchat/presence-proto";
import { startOtlpReceiver, type TestOtlpReceiver } from "@realchat/presence-runtime/tracing/testing";
import { startPresence, type TestPresence, waitUntil } from "@realchat/presence-testing";

const { fullName } = presence.PresenceApiDefinition;
const traceOf = (digit: number) => digit.toString(16).padStart(32, "0");
const traceparentOf = (digit: number, flags = "01") => `00-${traceOf(digit)}-00f067aa0ba902b7-${flags}`;
const sessionOf = (userId: string, traceparent = "") => ({
  ...{ userId, deviceId: "phone", instanceId: "gateway-1", connectionId: `of-${userId}`, traceparent },
});

describe("a node that traces", () => {
  let collector: TestOtlpReceiver;
  let node: TestPresence;
  let channels: PresenceChannels;

  before(async () => {
    collector = await startOtlpReceiver();
    node = await startPresence({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
        OTEL_BSP_SCHEDULE_DELAY: "60000",
        JAEGER_URL: "http://jaeger:14268",
      },
    });
    channels = new PresenceChannels({ addresses: [node.grpcAddress] });
  });

  after(async () => {
    await channels?.close();
    await node?.stop();
    await collector?.stop();
  });

  test("calls go on with the caller's trace, entries of a batch with their own, and all is sent when it ends", async () => {
    const { api } = channels;
    const metadata = { traceparent: traceparentOf(1) };
    await api.registerSession(sessionOf("alone"), { metadata });
    const unrecorded = sessionOf("unrecorded", traceparentOf(9, "00"));
    const sessions = [sessionOf("first", traceparentOf(2)), sessionOf("second"), unrecorded];
    await api.registerSessions({ sessions }, { metadata: { traceparent: traceparentOf(3) } });
    await api.refreshSessions({ sessions: [{ userId: "alone", deviceId: "phone", sessionId: "" }] });
    await assert.rejects(api.getPresence({ userIds: [""] }, { metadata: { traceparent: traceparentOf(4) } }));
    const untilPublished = async () => {
      const metrics = await (await fetch(`http://${node.httpAddress}/metrics`)).text();
      return /^presence_publisher_transitions_total\{publisher="memory"\} 4$/m.test(metrics);
    };
    await waitUntil(untilPublished, { what: "all four are published" });
    assert.equal(collector.spans.length, 0, "they wait for others");
    assert.equal(await node.stop(), 0);

    const spans = (name: string) => collector.spans.filter((span) => span.name === name);
    assert.deepEqual(
      collector.spans.map(({ name, traceId }) => `${name} ${Number.parseInt(traceId, 16)}`).sort(),
      [
        `${fullName}/GetPresence 4`,
        `${fullName}/RegisterSession 1`,
        `${fullName}/RegisterSessions 3`,
        "publish to memory 1",
        "publish to memory 2",
        "publish to memory 3",
      ].sort(),
    );
    const [call] = spans(`${fullName}/RegisterSession`);
    assert.equal(call?.service, "presence");
    assert.equal(call?.parentSpanId, "00f067aa0ba902b7");
    const published = spans("publish to memory").find(({ traceId }) => traceId === traceOf(1));
    assert.equal(published?.parentSpanId, call?.spanId);
    assert.match(spans(`${fullName}/GetPresence`)[0]?.failure ?? "", /user_ids\[0\]/);
    assert.match(node.logs(), /JAEGER_URL does nothing beside OTEL_EXPORTER_OTLP_ENDPOINT/);
  });
});
