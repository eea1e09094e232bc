// Generates what follows from other files: packages/proto/generated from proto/ (message codecs by ts-proto, and the
// descriptors for server reflection), and README's tables of settings.
// With a folder as argument the code goes below that folder, as if it were the repository: to see what would change.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withSettingsTables } from "./readme-settings.ts";

const base = process.argv[2] ?? ".";
const descriptors = join(base, "packages/proto/generated/descriptors.binpb");

execFileSync("buf", ["generate", "--output", base], { stdio: "inherit" });
execFileSync("buf", ["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", descriptors], {
  stdio: "inherit",
});
if (base === ".") writeFileSync("README.md", withSettingsTables(readFileSync("README.md", "utf8")));
