import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import {
  installPackage,
  plainNode,
  sharedKafka,
  startChild,
  startPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { PresenceChannels, SessionKeeper } from "../index.ts";
import { codeFrom } from "./testing/code-from.ts";

test("the Kafka consumer of the guide runs on Node 22 with the package as it is published", async (t) => {
  const project = await installPackage({
    build: "packages/client/publish/build.ts",
    node: 22,
    companions: ["@platformatic/kafka@2.12.1"],
  });
  t.after(() => project.remove());
  const { brokers } = await sharedKafka();
  const env = { KAFKA_BROKERS: brokers, KAFKA_TOPIC: `test-${randomUUID()}` };
  const presence = await startPresence({ env: { ...env, KAFKA_PARTITIONS: "4" } });
  t.after(() => presence.kill());
  project.write("feed.mjs", codeFrom("docs/gateway-guide.md", "feed.mjs"));
  const feed = await startChild(await plainNode(22), [join(project.folder, "feed.mjs")], {
    ...{ logFile: join(project.folder, "feed.log"), cwd: project.folder, env },
  });
  t.after(() => feed.end("SIGKILL"));
  const told = () => feed.output().trim().split("\n");
  const listens = () => {
    if (told().includes("listening")) return true;
    throw new Error(`it said "${feed.output()}", and presence:\n${presence.logs()}`);
  };
  await waitUntil(listens, { what: "the feed listens", deadlineMs: 45_000 });
  await using channels = new PresenceChannels({ addresses: [presence.grpcAddress] });
  const keeper = new SessionKeeper({ channels, instanceId: "gateway" });
  const session = keeper.open({ userId: "alice", deviceId: "phone" });
  await waitUntil(() => told().includes("alice is online"), { what: "alice is told to be online" });
  await session.close("logged-out");
  await waitUntil(() => told().includes("alice is offline"), { what: "alice is told to be offline" });
  await keeper.drain();
  assert.deepEqual(told(), ["listening", "alice is online", "alice is offline"]);
});
