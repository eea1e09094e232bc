import assert from "node:assert/strict";
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { issueCertificates, isTrusted } from "@realchat/presence-rpc/testing";
import { startPresence, temporaryFolder, waitUntil } from "@realchat/presence-testing";

const callsInFlight = 50;

test("a node takes a new certificate and log level over under load, refuses a bad file, and fails no call", async (t) => {
  const folder = temporaryFolder("reloading");
  t.after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);
  const write = (name: string, text: string) => {
    writeFileSync(at(`${name}.new`), text);
    renameSync(at(`${name}.new`), at(name));
  };
  const [first, second] = [issueCertificates(), issueCertificates()];
  /** As Kubernetes mounts a secret: files lead through a link that is replaced. */
  const mount = async (version: string, { certificate, key }: typeof first.server) => {
    await mkdir(at(version));
    writeFileSync(at(version, "tls.crt"), certificate);
    writeFileSync(at(version, "tls.key"), key);
    symlinkSync(version, at("data.new"));
    renameSync(at("data.new"), at("data"));
  };
  await mount("1", first.server);
  write("presence.conf", `TLS_CERT=${at("data", "tls.crt")}\nTLS_KEY=${at("data", "tls.key")}\nSESSION_TTL=50s\n`);
  const node = await startPresence({ args: ["--config", at("presence.conf")] });
  t.after(() => node.stop());
  const logged = (what: RegExp) => waitUntil(() => what.test(node.logs()), { what: `the log says ${what}` });

  const ca = first.ca;
  const channels = new PresenceChannels({ addresses: [node.grpcAddress], tls: { ca }, currentTls: () => ({ ca }) });
  t.after(() => channels.close());
  let calls = 0;
  let isOver = false;
  const call = async () => {
    while (!isOver) {
      await channels.api.getPresence({ userIds: ["anna"] });
      calls++;
    }
  };
  const calling = Promise.all(Array.from({ length: callsInFlight }, call));
  const callsBefore = await untilCalls(1_000);
  assert.ok(!(await isTrusted(node.grpcAddress, second.ca)));

  await mount("2", second.server);
  await logged(/read again: TLS_CERT, TLS_KEY/);
  assert.ok(await isTrusted(node.grpcAddress, second.ca));
  assert.ok(!(await isTrusted(node.grpcAddress, first.ca)));
  await untilCalls(callsBefore + 2_000);

  await mount("3", { ...first.server, key: second.server.key });
  await logged(/is refused, and the old stays in force: .*TLS_KEY=.* is not the key of TLS_CERT=/);
  assert.match(await metricsOf(node.httpAddress), /^presence_reload_refused 1$/m);
  assert.ok(await isTrusted(node.grpcAddress, second.ca));
  await mount("4", second.server);
  await waitUntil(async () => /^presence_reload_refused 0$/m.test(await metricsOf(node.httpAddress)), {
    what: "it is mended",
  });

  write("presence.conf", `TLS_CERT=${at("data", "tls.crt")}\nTLS_KEY=${at("data", "tls.key")}\nLOG_LEVEL=debug\n`);
  process.kill(node.pid, "SIGHUP");
  await logged(/SESSION_TTL: changed, which takes effect at the next start/);
  await logged(/read again: LOG_LEVEL/);
  isOver = true;
  await calling;
  assert.equal(channels.metrics().failures, 0);

  async function untilCalls(count: number): Promise<number> {
    await waitUntil(() => calls >= count, { what: `${count} calls were answered` });
    return calls;
  }
});

async function metricsOf(httpAddress: string): Promise<string> {
  return (await fetch(`http://${httpAddress}/metrics`)).text();
}
