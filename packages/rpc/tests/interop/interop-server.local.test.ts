import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type ChannelCredentials, credentials, status } from "@grpc/grpc-js";
import { type Child, repository, startChild, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { issueCertificates } from "../../testing/certificates.ts";
import { TestServiceDefinition } from "./generated/grpc/testing/test.ts";
import { largeRequest } from "./payloads.ts";
import { TestClient } from "./test-client.ts";

const folder = temporaryFolder("interop-server").path;

function run(...args: string[]): Promise<Child> {
  const program = join(import.meta.dirname, "interop-server.ts");
  const logFile = join(folder, "output");
  return startChild(process.execPath, [program, ...args], {
    logFile,
    cwd: repository,
    env: { PATH: process.env.PATH },
  });
}

/** Waits for the line that tells the port. */
function portOf(server: Child): Promise<number> {
  return waitUntil(() => Number(/^listening on 127\.0\.0\.1:(\d+)/m.exec(server.output())?.[1]), {
    what: "the server listens",
  });
}

async function codeOfLargeUnary(port: number, security: ChannelCredentials): Promise<number> {
  const client = new TestClient(TestServiceDefinition.fullName, port, security);
  const answer = await client.unary(TestServiceDefinition.methods.unaryCall, largeRequest());
  client.close();
  return answer.status.code;
}

test("the server serves in plain text until it is asked to end", async () => {
  const server = await run("--port", "0");
  const port = await portOf(server);
  assert.match(server.output(), new RegExp(`--server_port=${port} --test_case=`));
  assert.equal(await codeOfLargeUnary(port, credentials.createInsecure()), status.OK);
  assert.equal(await server.end("SIGTERM"), 0);
});

test("with --tls it issues a certificate, says where the CA is, and takes it away at the end", async () => {
  const server = await run("--port", "0", "--tls");
  const port = await portOf(server);
  const file = await waitUntil(() => /^CA: (.*)$/m.exec(server.output())?.[1] ?? "", { what: "the CA is told" });
  assert.equal(await codeOfLargeUnary(port, credentials.createSsl(readFileSync(file))), status.OK);
  assert.equal(await server.end("SIGTERM"), 0);
  assert.equal(existsSync(file), false);
});

test("a certificate that is given is the one served, also to drivers that say --use_tls", async () => {
  const { ca, server: issued } = issueCertificates();
  const [certificate, key] = [join(folder, "server.pem"), join(folder, "server.key")];
  writeFileSync(certificate, issued.certificate);
  writeFileSync(key, issued.key);
  const server = await run("--port", "0", "--use_tls=true", "--certificate", certificate, "--key", key);
  const port = await portOf(server);
  assert.doesNotMatch(server.output(), /^CA:/m);
  assert.equal(await codeOfLargeUnary(port, credentials.createSsl(Buffer.from(ca))), status.OK);
  await server.end("SIGTERM");
});

test("a command line that cannot be meant is refused by what is wrong with it", async () => {
  const wrong: [string[], RegExp][] = [
    [[], /^--port is missing$/m],
    [["--port", "99999"], /^--port is 0 to 65535, not "99999"$/m],
    [["--port", "0", "--use_tls", "yes"], /^--use_tls is true or false, not "yes"$/m],
    [["--port", "0", "--tls", "--key", "a.pem"], /^--certificate and --key go together$/m],
  ];
  for (const [args, complaint] of wrong) {
    const server = await run(...args);
    assert.equal(await server.untilEnded(), 2);
    assert.match(server.output(), complaint);
  }
});
