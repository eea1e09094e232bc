import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { onPath, repository, runCommand } from "@realchat/presence-testing";

/** Paths of programs that were built from `go/`. */
export interface GoPrograms {
  readonly server: string;
  readonly client: string;
  /** A presence service with a key per session, beside which ours is held. */
  readonly service: string;
}

const module = "realchat.example/benchmarks";
const source = fileURLToPath(new URL("./go", import.meta.url));
const folder = `${repository}/.cache/rpc-go`;

/**
 * Builds server, client and service on grpc-go, in the cache folder, messages generated from `proto/` included.
 * @returns undefined where Go is not installed, or its modules cannot be had
 */
export async function buildGoPrograms(say: (text: string) => void): Promise<GoPrograms | undefined> {
  if (onPath("go") === undefined) {
    say("Go is not installed: without grpc-go");
    return undefined;
  }
  cpSync(source, folder, { recursive: true });
  const steps: [string, readonly string[], string][] = [
    ["go", ["build", "-o", "bin/", "tool"], folder],
    [
      `${repository}/node_modules/.bin/buf`,
      ["generate", "--path", "proto/realchat/presence", "--template", template],
      repository,
    ],
    ["go", ["build", "-o", "bin/", "./server", "./client", "./service"], folder],
  ];
  for (const [program, args, cwd] of steps) {
    const { ok, output } = await runCommand(program, args, { cwd });
    if (ok) continue;
    say(`without grpc-go, since ${program} ${args[0]} failed: ${output.slice(-1_000)}`);
    return undefined;
  }
  return { server: `${folder}/bin/server`, client: `${folder}/bin/client`, service: `${folder}/bin/service` };
}

/** buf.gen.yaml is what is committed; this one stays out of it. Source: https://buf.build/docs/configuration/v2/buf-gen-yaml */
const template = JSON.stringify({
  version: "v2",
  managed: { enabled: true, override: [{ file_option: "go_package", value: `${module}/presence` }] },
  plugins: ["protoc-gen-go", "protoc-gen-go-grpc"].map((name) => ({
    local: `${folder}/bin/${name}`,
    out: folder,
    opt: [`module=${module}`],
  })),
});
