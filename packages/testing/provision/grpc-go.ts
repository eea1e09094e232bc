import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onPath, runCommand } from "./command.ts";
import { cache, filledFolder, repository } from "./folders.ts";
import { handedOver } from "./hand-over.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

const source = `${repository}/packages/rpc/tests/interop/grpc-go`;
// The user's flags and a workspace around the repository must not change the build.
const inSource = { cwd: source, env: { GOFLAGS: "", GOWORK: "off" } };

/**
 * The interoperability client on Go's gRPC: built with the Go that PATH has, once, into the cache folder.
 * @returns path of the program
 * @throws MissingServerError, optional, where there is no Go, or its modules cannot be had
 * @throws Error with the compiler's words
 */
export async function provideGrpcGo(say: Progress = toStandardError): Promise<string> {
  const known = handedOver<string>("grpcGo");
  if (known !== undefined) return known;
  const folder = join(cache, `grpc-go-${digestOfSource()}`);
  await filledFolder(folder, (partial) => build(partial, say));
  return join(folder, "client");
}

async function build(folder: string, say: Progress): Promise<true> {
  if (onPath("go") === undefined) throw new MissingServerError("grpc-go", "PATH has no Go", { isOptional: true });
  say(`go build of ${source}`);
  const download = await runCommand("go", ["mod", "download"], inSource);
  if (!download.ok) {
    const reason = `go mod download says: ${download.output.trim().slice(-500)}`;
    const command = `cd ${source} && go mod download`;
    throw new MissingServerError("grpc-go", reason, { command, isOptional: true });
  }
  // Without debugging information, which takes a third of the time to link; and whatever owns the repository.
  const args = ["build", "-buildvcs=false", "-ldflags=-s -w", "-o", join(folder, "client"), "."];
  const { ok, output } = await runCommand("go", args, inSource);
  if (!ok) throw new Error(`go build of ${source} failed: ${output.trim()}`);
  return true;
}

/** Another source is another program. */
function digestOfSource(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(source).sort()) hash.update(name).update(readFileSync(join(source, name)));
  return hash.digest("hex").slice(0, 16);
}
