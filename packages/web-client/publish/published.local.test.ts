import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import {
  type InstalledPackage,
  installPackage,
  nodeVersions,
  plainNode,
  repository,
  startChild,
  waitUntil,
} from "@realchat/presence-testing";
import { type ScriptedGateway, startScriptedGateway } from "../testing/scripted-gateway.ts";

let project: InstalledPackage;
let gateway: ScriptedGateway;
before(async () => {
  project = await installPackage({ build: "packages/web-client/publish/build.ts", companions: ["ws@8.23.0"] });
});
after(() => project.remove());
beforeEach(async () => {
  gateway = await startScriptedGateway();
});
afterEach(() => gateway.close());

test("the package holds the modules with their types, what they weigh, and nothing else", () => {
  const modules = [
    ...["clock", "connection", "frame", "idleness", "index", "listeners", "oneself", "own-claim", "page-life"],
    ...["presence-client", "presence-client-error", "report", "subscribe-visible", "transitions"],
  ];
  assert.deepEqual(
    project.packed.toSorted(),
    [
      ...modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`]),
      "README.md",
      "package.json",
      "types.d.ts",
    ].toSorted(),
  );
});

for (const node of nodeVersions) {
  test(`installed, it connects and tells what it hears on Node ${node}, without a page around it`, async (t) => {
    project.write(
      "watch.mjs",
      `import { PresenceClient } from "@realchat/presence-web";
       import { WebSocket } from "ws";
       globalThis.WebSocket ??= WebSocket;
       const presence = new PresenceClient({ url: process.env.GATEWAY + "?device_id=laptop" });
       presence.on("snapshot", (users) => console.log("snapshot", users.map(({ id }) => id).join()));
       presence.on("state", ({ kind, code = "" }) => console.log(kind, code));
       presence.connect();`,
    );
    const child = await startChild(await plainNode(node), [join(project.folder, "watch.mjs")], {
      ...{ logFile: join(project.folder, "watch.log"), cwd: project.folder, env: { GATEWAY: gateway.url } },
    });
    t.after(() => child.end("SIGKILL"));
    const socket = await gateway.socket(0);
    socket.send({ type: "snapshot", users: [{ id: "ada", online: true, version: 1 }] });
    await waitUntil(() => child.output().includes("snapshot ada"), { what: "it tells the snapshot" });
    socket.close(4429);
    assert.equal(await child.untilEnded(), 0, "nothing keeps a client alive that has ended for good");
    assert.match(child.output(), /^connecting \nopen \nsnapshot ada\nclosed 4429\n$/);
  });
}

test("its types hold in a strict project", () => {
  project.write(
    "strict.mts",
    `import { type ConnectionState, PresenceClient, PresenceClientError, subscribeVisible, type UserPresence } from "@realchat/presence-web";
     const presence = new PresenceClient({ url: "wss://gateway/ws", token: async (refused) => (refused ? "new" : "old") });
     presence.on("presence", (users) => users.forEach(({ online }) => online satisfies boolean));
     const end: () => void = presence.on("hidden", (ids) => ids satisfies readonly string[]);
     const user: UserPresence | undefined = presence.get("ada");
     const state: ConnectionState = presence.state;
     if (state.kind === "closed") state.code satisfies number;
     presence.on("stale", (stale) => stale satisfies boolean);
     presence.on("error", (error) => error instanceof PresenceClientError && (error.code satisfies "BAD_FRAME" | "BAD_TOKEN" | "BAD_URL"));
     presence.setStatus({ availability: "busy", text: "In a meeting", until: 1_790_000_000_000 });
     presence.setPrivacy({ lastSeen: "contacts" });
     presence.on("self", ({ policy }) => policy?.invisible satisfies boolean | undefined);
     // @ts-expect-error there is no such availability
     presence.setStatus({ availability: "gone" });
     subscribeVisible(presence, (row) => row.id).stop();
     // @ts-expect-error there is no such event
     presence.on("gone", () => {});
     export { end, user };`,
  );
  const options = {
    ...{ strict: true, noEmit: true, target: "es2023", lib: ["es2023", "dom"] },
    ...{ module: "nodenext", skipLibCheck: false, types: [] },
  };
  project.write("tsconfig.json", JSON.stringify({ compilerOptions: options, files: ["strict.mts"] }));
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", "."], { cwd: project.folder, stdio: "pipe" });
});
