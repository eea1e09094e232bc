// Generates what follows from other files: TypeScript from proto files (message codecs by ts-proto), descriptors for
// server reflection, the tables of settings in docs/configuration.md, and a lock file that an older Node's npm takes without a warning.
// With a folder as argument the code goes below that folder, as if it were the repository: to see what would change.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withSettingsTables } from "./configuration-settings.ts";
import { generatedCode } from "./generated-code.ts";
import { withoutForeignEngines } from "./lock-engines.ts";

const base = process.argv[2] ?? ".";
const buf = (...args: string[]) => execFileSync("buf", args, { stdio: "inherit" });

// Into the folder `generated` of the output: buf.gen.yaml.
for (const { proto, output } of generatedCode) buf("generate", proto, "--output", join(base, output));
const descriptors = join(base, "packages/proto/generated/descriptors.binpb");
buf("build", "proto", "--as-file-descriptor-set", "--exclude-source-info", "-o", descriptors);
if (base === ".") {
  writeFileSync("docs/configuration.md", withSettingsTables(readFileSync("docs/configuration.md", "utf8")));
  writeFileSync("package-lock.json", withoutForeignEngines(readFileSync("package-lock.json", "utf8")));
}
