import { renameSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { presence } from "@realchat/presence-proto";
import { issueCertificates, isTrusted } from "@realchat/presence-rpc/testing";
import { callerLine, newToken } from "@realchat/presence-runtime/callers";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { startPresence, type TestPresence, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import type { Benchmark } from "./benchmark.ts";
import { percentile } from "./report/figure.ts";

const connections = 10;
/** On all of them. */
const inFlight = 320;
/** Between two steps, ms: calls before, between and after. */
const restMs = 1_500;

/** A certificate and a token are replaced as their owners do it: the new token is added, callers change, the old one goes. */
export const replacedUnderLoad: Benchmark = {
  name: "replaced-under-load",
  about: "calls that fail while a node's certificate and its callers' token are replaced",
  limitSeconds: 120,
  async run(bench) {
    const folder = temporaryFolder("replaced");
    const at = (name: string) => join(folder.path, name);
    const write = (name: string, text: string) => {
      writeFileSync(at(`${name}.new`), text);
      renameSync(at(`${name}.new`), at(name));
    };
    const [first, second] = [issueCertificates(), issueCertificates()];
    const [oldToken, newOne] = [newToken(), newToken()];
    const list = (...tokens: string[]) => write("callers", tokens.map((token) => lineOf(token)).join(""));
    const certify = ({ certificate, key }: typeof first.server) => {
      write("tls.crt", certificate);
      write("tls.key", key);
    };
    certify(first.server);
    list(oldToken);
    const node = await startPresence({
      env: {
        ...{ TLS_CERT: at("tls.crt"), TLS_KEY: at("tls.key"), API_TOKENS_FILE: at("callers") },
        LOG_LEVEL: "warn",
      },
    });

    const open = (ca: string) => connect(`https://${node.grpcAddress}`, { ca, servername: "localhost" });
    const sessions = Array.from({ length: connections }, () => open(first.ca));
    let token = oldToken;
    const failures: string[] = [];
    const latenciesMs: number[] = [];
    let isOver = false;
    let turn = 0;
    const keepCalling = async () => {
      while (!isOver) {
        const sentMs = clock.monotonicMs();
        const status = await getPresence(sessions[turn++ % sessions.length] as ClientHttp2Session, token);
        if (status !== "0") failures.push(status);
        latenciesMs.push(clock.monotonicMs() - sentMs);
      }
    };
    const startMs = clock.monotonicMs();
    const calling = Array.from({ length: inFlight }, keepCalling);
    const replaced = async (what: string, replace: () => void) => {
      await pause(clock, bench.quick ? 100 : restMs);
      const before = await applied(node);
      replace();
      await waitUntil(async () => (await applied(node)) > before, { what: `${what} counts` });
      bench.progress(`${what}: replaced`);
    };
    await replaced("the certificate", () => certify(second.server));
    await replaced("the list with a second token", () => list(oldToken, newOne));
    token = newOne;
    // Whoever connects now is shown the new certificate, and calls beside the others.
    sessions.push(open(second.ca));
    await replaced("the list without the first token", () => list(newOne));
    await pause(clock, restMs);
    isOver = true;
    await Promise.all(calling);
    const tookMs = clock.monotonicMs() - startMs;

    if (!(await isTrusted(node.grpcAddress, second.ca)) || (await isTrusted(node.grpcAddress, first.ca))) {
      throw new Error("the certificate was not replaced");
    }
    if ((await getPresence(sessions[0] as ClientHttp2Session, oldToken)) === "0") {
      throw new Error("the old token still counts");
    }
    for (const session of sessions) session.destroy();
    await node.stop();
    folder.remove();

    if (failures.length > 0) bench.progress(`the first call that failed ended with ${failures[0]}`);
    const calls = latenciesMs.length;
    bench.report({
      name: `calls that failed, of ${calls.toLocaleString("en")}`,
      unit: "calls",
      samples: [failures.length],
      target: { atMost: 0 },
    });
    bench.report({
      name: "calls a second",
      unit: "calls/s",
      samples: [calls / (tookMs / 1_000)],
      target: { atLeast: 10_000 },
    });
    bench.report({ name: "a call, p99", unit: "ms", samples: [percentile(latenciesMs, 0.99)] });
    bench.report({ name: "a call, worst", unit: "ms", samples: [percentile(latenciesMs, 1)] });
  },
};

const message = presence.GetPresenceRequest.encode(presence.GetPresenceRequest.create({ userIds: ["anna"] })).finish();
/** With its prefix. Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
const path = `/${presence.PresenceApiDefinition.fullName}/${presence.PresenceApiDefinition.methods.getPresence.name}`;

/** A call that costs its caller little. @returns the status's number; or why there is none */
function getPresence(session: ClientHttp2Session, token: string): Promise<string> {
  const call = session.request({
    ...{ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" },
    authorization: `Bearer ${token}`,
  });
  let status = "no status";
  const read = (headers: IncomingHttpHeaders) => {
    status = String(headers["grpc-status"] ?? status);
  };
  call.on("response", read).on("trailers", read);
  call.resume().end(body);
  return new Promise((resolve) => {
    call.on("error", (error) => resolve(error.message));
    call.on("close", () => resolve(status));
  });
}

function lineOf(token: string): string {
  return `${callerLine("anna", ["read"], token)}\n`;
}

/** How often the node took over what its files say. */
async function applied({ httpAddress }: TestPresence): Promise<number> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  return Number(/^presence_reloads_total\{outcome="applied"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
