import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startDelivery, startPresence, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { issueToken } from "../gateway/authentication/issue-token.ts";
import { connect } from "../testing/socket-client.ts";

test("a gateway takes over what its files say on SIGHUP, keeps its sockets, and refuses what is wrong", async (t) => {
  const folder = temporaryFolder("reloading");
  t.after(() => folder.remove());
  const at = (name: string) => join(folder.path, name);
  const write = (name: string, text: string) => writeFileSync(at(name), text);
  const [first, second] = [issueCertificates(), issueCertificates()];
  const certify = ({ certificate, key }: typeof first.server) => {
    write("tls.crt", certificate);
    write("tls.key", key);
  };
  const secrets = ["1", "2"].map((digit) => digit.repeat(32)) as [string, string];
  const configure = (level: string) => {
    const names = { TLS_CERT: at("tls.crt"), TLS_KEY: at("tls.key"), JWT_SECRET_FILE: at("jwt"), LOG_LEVEL: level };
    const lines = Object.entries(names).map(([name, value]) => `${name}=${value}\n`);
    write("delivery.conf", lines.join(""));
  };
  certify(first.server);
  write("jwt", secrets[0]);
  configure("info");

  const presence = await startPresence();
  t.after(() => presence.stop());
  const env = { PRESENCE_SVC_ADDR: presence.grpcAddress };
  const gateway = await startDelivery({ env, args: ["--config", at("delivery.conf")] });
  t.after(() => gateway.stop());
  const hangUp = () => process.kill(gateway.pid, "SIGHUP");
  const logged = (what: RegExp) => waitUntil(() => what.test(gateway.logs()), { what: `the log says ${what}` });
  const untilMetric = (name: string, value: number) =>
    waitUntil(async () => (await gateway.metrics()).get(name) === value, { what: `${name} is ${value}` });
  const open = async (secret: string, ca: string) => {
    const issue = { secret, issuer: undefined, audience: undefined, userId: "ada", validS: 60 };
    const authorization = `Bearer ${await issueToken(issue, systemClock)}`;
    return connect({ address: gateway.socketAddress, headers: { authorization }, ca, deviceId: crypto.randomUUID() });
  };
  const early = await open(secrets[0], first.ca);

  certify(second.server);
  write("jwt", secrets[1]);
  configure("debug");
  hangUp();
  await logged(/read again: TLS_CERT, TLS_KEY, JWT_SECRET, LOG_LEVEL/);
  await assert.rejects(open(secrets[1], first.ca), /certificate/);
  const refused = await open(secrets[0], second.ca);
  assert.equal((await refused.untilClosed()).code, 4401);
  const late = await open(secrets[1], second.ca);

  write("tls.key", first.server.key);
  hangUp();
  await logged(/is refused, and the old stays in force: .*TLS_KEY=.* is not the key of TLS_CERT=/);
  await untilMetric("delivery_reload_refused", 1);
  write("tls.key", second.server.key);
  write("jwt", "");
  hangUp();
  await logged(/is refused, and the old stays in force: .*JWT_SECRET_FILE=.*is empty/);
  assert.equal((await open(secrets[1], second.ca)).end, undefined, "what was there before counts");

  write("jwt", secrets[1]);
  configure("error");
  hangUp();
  await untilMetric("delivery_reload_refused", 0);
  assert.equal((await gateway.metrics()).get('delivery_reloads_total{outcome="applied"}'), 2);
  assert.equal(gateway.logs().match(/read again:/g)?.length, 1, "lines of that level are left out");
  for (const client of [early, late]) {
    client.say({ type: "ping" });
    const pongs = client.frames.filter(({ type }) => type === "pong").length;
    await waitUntil(() => client.frames.filter(({ type }) => type === "pong").length > pongs, { what: "it is open" });
  }
});
