// Generates packages/proto/generated from proto/: message codecs (ts-proto) and the descriptors for server reflection.
// With a folder as argument it does so below that folder, as if it were the repository: to see what would change.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const base = process.argv[2] ?? ".";
const descriptors = join(base, "packages/proto/generated/descriptors.binpb");

execFileSync("buf", ["generate", "--output", base], { stdio: "inherit" });
execFileSync("buf", ["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", descriptors], {
  stdio: "inherit",
});
