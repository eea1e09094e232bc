export { buildFromCommandLine } from "./build-package.ts";
