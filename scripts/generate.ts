// Generates packages/proto/generated from proto/: message codecs (ts-proto) and the descriptors for server reflection.
import { execFileSync } from "node:child_process";

execFileSync("buf", ["generate"], { stdio: "inherit" });
execFileSync(
  "buf",
  ["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", "packages/proto/generated/descriptors.binpb"],
  {
    stdio: "inherit",
  },
);
