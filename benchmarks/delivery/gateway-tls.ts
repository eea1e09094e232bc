import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import type { Benchmark } from "../benchmark.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { growth, roomsOf } from "./socket-growth.ts";
import { usageOf } from "./usage.ts";

/** A handshake of TLS takes milliseconds of the gateway and of the clients' process: fewer than both can do. */
const opensPerSecond = 100;

/** A gateway with TLS beside one without, with the same sockets. */
export const gatewayTls: Benchmark = {
  name: "gateway-tls",
  about: "what TLS adds to a connect and to an idle socket of a gateway",
  limitSeconds: 420,
  async run(bench) {
    const sockets = bench.quick ? 500 : 4_000;
    const userIds = Array.from({ length: sockets }, (_, index) => `user-${index}`);
    const pace = { userIds, opensPerSecond, idleMs: bench.quick ? 5_000 : 54_000 };
    const measured = (scheme: "ws" | "wss", settings: Readonly<Record<string, string>>) => {
      bench.progress(`${sockets.toLocaleString("en")} sockets, ${scheme}://`);
      return withEmbeddedGateway(
        roomsOf(userIds),
        (gateway) =>
          growth({ address: `${scheme}://${gateway.socketAddress}`, usage: () => usageOf(gateway), ...pace }),
        settings,
      );
    };
    const without = await measured("ws", {});
    const withTls = await measured("wss", tlsSettings());
    const report = (name: string, unit: string, read: (one: typeof without) => number) =>
      bench.report({
        ...{ name, unit, samples: [read(withTls)] },
        baseline: { name: "without TLS", samples: [read(without)] },
      });
    report("gateway CPU a connect", "µs", ({ connectUs }) => connectUs);
    report("gateway CPU an idle socket a second", "µs", ({ idleUs }) => idleUs);
    report("gateway RSS a socket", "KB", ({ addedKb }) => addedKb);
  },
};

function tlsSettings(): Record<string, string> {
  const { path } = temporaryFolder("gateway-tls");
  const { server } = issueCertificates();
  const files = { TLS_CERT: join(path, "tls.crt"), TLS_KEY: join(path, "tls.key") };
  writeFileSync(files.TLS_CERT, server.certificate);
  writeFileSync(files.TLS_KEY, server.key);
  return files;
}
