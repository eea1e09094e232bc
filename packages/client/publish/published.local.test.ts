import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import {
  freePort,
  type InstalledPackage,
  installPackage,
  type NodeVersion,
  nodeVersions,
  plainNode,
  repository,
  startChild,
  startPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { PresenceChannels } from "../index.ts";
import { codeFrom } from "./testing/code-from.ts";

let project: InstalledPackage;
before(async () => {
  project = await installPackage({
    build: "packages/client/publish/build.ts",
    companions: ["ws@8.23.0", "@platformatic/kafka@2.12.1"], // the latter for its types: it runs on Node 22 and later
  });
});
after(() => project.remove());

/** A client of the gateway, and the dots that it was shown, such as `bob online`. */
async function connect(
  port: number,
  userId: string,
): Promise<{ socket: WebSocket; dots: string[]; closed: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/?user_id=${userId}&device_id=phone`);
  const dots: string[] = [];
  socket.addEventListener("message", ({ data }) => {
    const dot = JSON.parse(String(data));
    dots.push(`${dot.userId} ${dot.online ? "online" : "offline"}`);
  });
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`nobody listens on port ${port}`)));
  });
  return { socket, dots, closed };
}

test("the gateway of the guide has 30 lines", () => {
  const code = codeFrom("docs/gateway-guide.md", "gateway.mjs");
  assert.equal(codeFrom("packages/client/README.md", "gateway.mjs"), code);
  const lines = code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("//"));
  assert.ok(lines.length <= 30, `${lines.length} lines`);
});

for (const major of nodeVersions) {
  test(`the gateway of the guide runs on Node ${major} with the package as it is published`, (t) => runsOn(major, t));
}

async function runsOn(major: NodeVersion, t: TestContext): Promise<void> {
  const node = await plainNode(major);
  assert.ok(execFileSync(node, ["--version"], { encoding: "utf8" }).startsWith(`v${major}.`));
  const presence = await startPresence();
  t.after(() => presence.kill());
  await using channels = new PresenceChannels({ addresses: [presence.grpcAddress] });
  project.write("gateway.mjs", codeFrom("docs/gateway-guide.md", "gateway.mjs"));
  const port = await freePort();
  const gateway = await startChild(node, [join(project.folder, "gateway.mjs")], {
    ...{ logFile: join(project.folder, "gateway.log"), cwd: project.folder },
    env: { PRESENCE_ADDR: presence.grpcAddress, PORT: String(port) },
  });
  t.after(() => gateway.end("SIGKILL"));
  const alice = await waitUntil(() => connect(port, "alice"), { what: "the gateway listens" });
  const bob = await connect(port, "bob");
  await waitUntil(() => alice.dots.includes("bob online"), { what: "alice sees bob's dot turn green" });
  const { devices } = await channels.api.getUserDevices({ userId: "bob" });
  assert.deepEqual(
    devices.map(({ deviceId, instanceId }) => `${deviceId} at ${instanceId}`),
    ["phone at gateway-1"],
  );

  const again = await connect(port, "bob");
  assert.equal(await bob.closed, 4000);
  again.socket.close(4001);
  await waitUntil(() => alice.dots.at(-1) === "bob offline", { what: "alice sees bob's dot turn grey" });
  assert.deepEqual(
    alice.dots.filter((dot) => dot.startsWith("bob")),
    ["bob online", "bob offline"],
  );
  const nobody = await connect(port, "");
  assert.equal(await nobody.closed, 1008);

  assert.equal(await gateway.end("SIGTERM"), 0, gateway.output());
  assert.equal(await alice.closed, 1012);
  const { presences } = await channels.api.getPresence({ userIds: ["alice"] });
  assert.equal(presences[0]?.online, true, "alice has time to reconnect");
}

test("the code of the status guide runs: a status that one client says is told, and who is not to be disturbed is not notified", async (t) => {
  for (const file of ["status-gateway.mjs", "calendar.mjs", "notify.mjs"]) {
    project.write(file, codeFrom("docs/status-guide.md", file));
  }
  project.write(
    "meeting.mjs",
    `import { meetingBegins } from "./calendar.mjs";
     import { notify } from "./notify.mjs";
     await meetingBegins("bob", { title: "stand-up", endMs: Date.now() + 60_000 });
     await notify(["alice", "bob", "cid"], (userId) => console.log(userId), () => {});
     process.exit();`,
  );
  const node = await plainNode(20);
  const presence = await startPresence();
  t.after(() => presence.kill());
  const port = await freePort();
  const gateway = await startChild(node, [join(project.folder, "status-gateway.mjs")], {
    ...{ logFile: join(project.folder, "status-gateway.log"), cwd: project.folder },
    env: { PRESENCE_ADDR: presence.grpcAddress, PORT: String(port) },
  });
  t.after(() => gateway.end("SIGKILL"));
  const alice = await waitUntil(() => connect(port, "alice"), { what: "the gateway listens" });
  const statuses: string[] = [];
  alice.socket.addEventListener("message", ({ data }) => {
    const { userId, status, refused } = JSON.parse(String(data));
    statuses.push(refused ?? `${userId} ${status.availability} ${status.text}`);
  });
  alice.socket.send(JSON.stringify({ idleForMs: 0, status: { availability: "do-not-disturb", text: "review" } }));
  await waitUntil(() => statuses.includes("alice do-not-disturb review"), { what: "the status is told" });
  alice.socket.send(JSON.stringify({ status: { text: "x".repeat(141) } }));
  await waitUntil(() => statuses.some((one) => /^claim.text has 141 code points/.test(one)), { what: "it is refused" });
  const env = { ...process.env, PRESENCE_ADDR: presence.grpcAddress };
  const notified = execFileSync(node, ["meeting.mjs"], { cwd: project.folder, encoding: "utf8", env });
  assert.equal(notified, "bob\ncid\n");
  alice.socket.close();
});

test("the package holds JavaScript with types and nothing else, and its types hold in a strict project", () => {
  assert.deepEqual(
    project.packed.filter((path) => !/^(client|grpc|kafka|proto|runtime)\/.*\.(js|d\.ts)$/.test(path)).toSorted(),
    ["README.md", "package.json"],
  );
  assert.deepEqual(
    project.packed.filter((path) => /test|publish/.test(path)),
    [],
  );
  project.write(
    "strict.mts",
    `import { type CloseReason, PresenceChannels, presence, SessionKeeper, StatusKeeper, watch } from "@realchat/presence-client";
     import { type FeedNews, presenceFeed } from "@realchat/presence-client/kafka";
     await using channels = new PresenceChannels({ addresses: ["a:1"] });
     await using keeper = new SessionKeeper({ channels, instanceId: "g" });
     const reason: CloseReason = "logged-out";
     const done: Promise<void> = keeper.open({ userId: "u", deviceId: "d" }).close(reason);
     const { presences } = await channels.api.getPresence({ userIds: ["u"] });
     const first: presence.UserPresence | undefined = presences[0];
     for await (const news of watch(channels, { users: ["u"] })) if (news.kind === "change") news.online satisfies boolean;
     const { status } = await new StatusKeeper({ channels }).setStatus("u", { availability: "busy" });
     const text: string = status.text;
     const told: AsyncIterable<FeedNews> = presenceFeed({ brokers: ["b:1"] });
     // @ts-expect-error there is no such reason
     keeper.open({ userId: "u", deviceId: "d" }).close("bored");
     export { done, first, text, told };`,
  );
  project.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        ...{ strict: true, noEmit: true, target: "es2023", lib: ["es2023", "esnext.disposable"] },
        ...{ module: "nodenext", skipLibCheck: false, types: ["node"] },
        typeRoots: [join(repository, "node_modules/@types")],
      },
      files: ["strict.mts"],
    }),
  );
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const complaints = typeErrors(tsc, project.folder).filter((line) => !/^node_modules\/(?!@realchat)/.test(line));
  assert.deepEqual(complaints, []);
});

function typeErrors(tsc: string, cwd: string): string[] {
  try {
    execFileSync(process.execPath, [tsc, "-p", "."], { cwd, encoding: "utf8", stdio: "pipe" });
    return [];
  } catch (error) {
    return (error as { stdout: string }).stdout.split("\n").filter((line) => line.includes("error TS"));
  }
}

test("who does not read Kafka loads nothing of it", () => {
  project.write(
    "loaded.mjs",
    `import { registerHooks } from "node:module";
     const loaded = [];
     registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
     await import("@realchat/presence-client");
     console.log(loaded.filter((url) => /kafka|conversation|reflection/.test(url)).length, loaded.length > 10);`,
  );
  // Node 20 has no registerHooks.
  assert.equal(execFileSync(process.execPath, ["loaded.mjs"], { cwd: project.folder, encoding: "utf8" }), "0 true\n");
});
