import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { outliveBrokenOutput, showAddress, startOrExit } from "@realchat/presence-runtime";
import { createRpcServer } from "../../server/rpc-server.ts";
import type { RpcServerOptions } from "../../server.ts";
import { issueCertificates } from "../../testing/certificates.ts";
import { testService } from "./test-service.ts";

/** `npm run interop-server`: the engine with grpc.testing.TestService, for any official interoperability client. */

const usage = `grpc.testing.TestService, for the interoperability clients of any gRPC implementation.

Usage: npm run interop-server -- --port N [--tls]

  --port N             where to listen (0: any free port)
  --host HOST          name or address (default 127.0.0.1)
  --tls                over TLS, for localhost, 127.0.0.1 and ::1, by a CA made for this run, whose file is told
  --certificate FILE   PEM, with --tls instead of that: such as server1.pem, whose CA the official clients bring along
  --key FILE           PEM, its private key
  --use_tls BOOLEAN    the same as --tls, as test drivers of gRPC say it
  --help               prints this

The cases: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
`;

interface CommandLine {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Paths; both or none. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

outliveBrokenOutput(process.stdout, process.stderr);
const commandLine = readCommandLine(process.argv.slice(2));
if (commandLine === "help") process.stdout.write(usage);
else await startOrExit("the interop server", () => serve(commandLine));

async function serve(options: CommandLine): Promise<void> {
  const { tls, ca } = options.tls ? secured(options) : {};
  const server = createRpcServer({ services: [testService()], tls });
  const port = await server.listen(options);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => server.drain(1_000));

  const address = showAddress({ ...options, port });
  const flags = [`--server_host=localhost --server_port=${port}`, ...clientTlsFlags(options, ca)].join(" ");
  process.stdout.write(`listening on ${address}, ${options.tls ? "TLS" : "plain text"}\n`);
  if (ca !== undefined) process.stdout.write(`CA: ${ca}\n`);
  process.stdout.write(
    `Go's client: go run google.golang.org/grpc/interop/client@latest ${flags} --test_case=large_unary\n`,
  );
}

/** @property ca path of the file, if the certificate was made for this run */
function secured({ certificate, key }: CommandLine): { tls: RpcServerOptions["tls"]; ca?: string } {
  if (certificate !== undefined && key !== undefined) {
    return { tls: { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") } };
  }
  const issued = issueCertificates();
  const folder = mkdtempSync(join(tmpdir(), "interop-server-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, issued.ca);
  return { tls: issued.server, ca };
}

function clientTlsFlags({ tls }: CommandLine, ca: string | undefined): string[] {
  if (!tls) return [];
  return ["--use_tls", ...(ca === undefined ? [] : [`--use_test_ca --ca_file=${ca}`])];
}

function readCommandLine(args: readonly string[]): CommandLine | "help" {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        host: { type: "string", default: "127.0.0.1" },
        tls: { type: "boolean", default: false },
        use_tls: { type: "string", default: "false" },
        certificate: { type: "string" },
        key: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    if (!["true", "false"].includes(values.use_tls))
      throw new Error(`--use_tls is true or false, not "${values.use_tls}"`);
    const { host, certificate, key } = values;
    const tls = values.tls || values.use_tls === "true";
    if ((certificate === undefined) !== (key === undefined)) throw new Error("--certificate and --key go together");
    if (certificate !== undefined && !tls) throw new Error("--certificate needs --tls");
    return { host, port: portOf(values.port), tls, certificate, key };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run interop-server -- --help\n`);
    process.exit(2);
  }
}

function portOf(text: string | undefined): number {
  if (text === undefined) throw new Error("--port is missing");
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`--port is 0 to 65535, not "${text}"`);
  return port;
}
