import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { presence as contract } from "@realchat/presence-proto";
import {
  bareEnvironment,
  type Child,
  freePort,
  type ProxyProgram,
  startChild,
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect } from "../../../services/delivery/testing/socket-client.ts";
import {
  CallFailure,
  connectPresence,
  type PresenceClient,
} from "../../../services/presence/testing/presence-client.ts";

interface Proxy {
  /** Of the file with its settings, in this folder's parent. */
  readonly settings: string;
  readonly provide: () => Promise<ProxyProgram>;
  /** @param folder where it may write */
  readonly args: (settingsFile: string, folder: string) => string[];
}

/** What clients and backends may count on behind a proxy with the settings of this repository. */
export function describeProxied(name: string, proxy: Proxy): void {
  describe(`behind ${name}`, () => {
    let presence: TestPresence;
    let delivery: TestDelivery;
    let running: Child;
    let api: PresenceClient["api"];
    let close: () => void;
    let sockets: string;

    before(async () => {
      presence = await startPresence();
      delivery = await startDelivery({
        env: {
          ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, ADDRESS_HEADER: "X-Forwarded-For", ADDRESS_MAX_SOCKETS: "3" },
          ...{ SAMPLE_CAST: "false", DRAIN_SPREAD: "100ms" },
        },
      });
      const folder = temporaryFolder(name).path;
      const [socketPort, grpcPort] = [await freePort(), await freePort()];
      const file = join(folder, proxy.settings);
      writeFileSync(
        file,
        withNumbers(readFileSync(join(import.meta.dirname, "..", proxy.settings), "utf8"), {
          8080: socketPort,
          8081: grpcPort,
          8083: portOf(delivery.socketAddress),
          8093: portOf(delivery.httpAddress),
          50056: portOf(presence.grpcAddress),
          8096: portOf(presence.httpAddress),
          // Connections: this machine may not let a process open so many files.
          200000: 2_000,
        }),
      );
      const { path, env } = await proxy.provide();
      running = await startChild(path, proxy.args(file, folder), {
        logFile: join(folder, "log"),
        cwd: folder,
        env: { ...bareEnvironment, ...env },
      });
      sockets = `127.0.0.1:${socketPort}`;
      const client = connectPresence(`127.0.0.1:${grpcPort}`);
      [api, close] = [client.api, () => client.close()];
      const serves = async () => {
        if (running.exitCode() !== undefined) throw new Error(`${name} ended; it said:\n${running.output()}`);
        await api.getPresence({ userIds: ["nobody"] });
        return (await fetch(`http://${sockets}/`)).ok;
      };
      await waitUntil(serves, { what: `${name} serves` });
    });

    after(async () => {
      close?.();
      await running?.end("SIGTERM");
      await delivery?.kill();
      await presence?.kill();
    });

    test("calls are answered, and refusals say what presence said", async () => {
      const { sessionId } = await api.registerSession({ userId: "alice", deviceId: "phone", instanceId: "gw" });
      assert.notEqual(sessionId, "");
      const refused = api.registerSession({ userId: "", deviceId: "phone", instanceId: "gw" });
      await assert.rejects(refused, (error) => {
        assert.ok(error instanceof CallFailure);
        assert.equal(error.code, "INVALID_ARGUMENT");
        assert.match(error.message, /user_id/);
        return true;
      });
    });

    test("2,000 calls on one connection, many at once, are answered", async () => {
      for (let round = 0; round < 20; round++) {
        const calls = Array.from({ length: 100 }, (_, user) => api.getPresence({ userIds: [`user-${user}`] }));
        assert.equal((await Promise.all(calls)).flatMap(({ presences }) => presences).length, 100);
      }
    });

    test("a stream tells at once what happens", async () => {
      const answers = api.watchPresence({ userIds: ["bob"] });
      let isFollowing = false;
      let isOnline = false;
      const reading = (async () => {
        for await (const { updates, snapshotComplete } of answers) {
          isFollowing ||= snapshotComplete;
          isOnline ||= updates.some(({ status }) => status === contract.PresenceStatus.PRESENCE_STATUS_ONLINE);
        }
      })();
      // Who comes before is in the snapshot.
      await waitUntil(() => isFollowing, { what: "the watcher has its snapshot" });
      await api.registerSession({ userId: "bob", deviceId: "phone", instanceId: "gw" });
      await waitUntil(() => isOnline, { what: "the watcher hears that bob is online" });
      answers.cancel();
      await reading.catch((error: unknown) => assert.ok(error instanceof CallFailure && error.code === "CANCELLED"));
    });

    test("a socket gets its snapshot, and its frames in both directions", async () => {
      const client = await connect({ address: sockets, userId: "carol" });
      await client.untilSnapshot();
      client.say({ type: "ping" });
      await waitUntil(() => client.frames.some(({ type }) => type === "pong"), { what: "the ping is answered" });
      client.socket.terminate();
    });

    test("a client cannot lie about where it comes from", async () => {
      const liar = (number: number) =>
        connect({ address: sockets, userId: `liar-${number}`, headers: { "X-Forwarded-For": `192.0.2.${number}` } });
      await waitUntil(async () => (await delivery.metrics()).get("delivery_sockets") === 0, {
        what: "no socket is open",
      });
      const clients = await Promise.all([1, 2, 3].map(liar));
      await assert.rejects(liar(4), /429|503/);
      for (const { socket } of clients) socket.terminate();
    });

    test("a gateway that goes tells its clients to come back", async () => {
      await waitUntil(async () => (await delivery.metrics()).get("delivery_sockets") === 0, {
        what: "no socket is open",
      });
      const client = await connect({ address: sockets, userId: "dave" });
      await client.untilSnapshot();
      const [end, code] = await Promise.all([client.untilClosed(), delivery.stop()]);
      assert.deepEqual([end.code, end.reason, code], [1012, "restart", 0]);
    });
  });
}

function portOf(address: string): number {
  return Number(address.split(":").at(-1));
}

/** The settings, with other numbers. */
function withNumbers(settings: string, numbers: Readonly<Record<number, number>>): string {
  const known = Object.keys(numbers).join("|");
  return settings.replace(new RegExp(`\\b(${known})\\b`, "g"), (number) => String(numbers[Number(number)]));
}
