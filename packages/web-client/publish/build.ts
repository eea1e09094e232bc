// Builds the package as it is published:
//   npx node packages/web-client/publish/build.ts FOLDER && npm pack FOLDER
import { join } from "node:path";
import { buildFromCommandLine } from "@realchat/presence-publish";

buildFromCommandLine(join(import.meta.dirname, ".."), "tsconfig.browser.json");
