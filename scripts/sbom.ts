import { repository } from "@realchat/presence-testing";
import { bomOf } from "./sbom/bill-of-materials.ts";

/** `npm run -s sbom`: the npm packages that the services run on, as CycloneDX JSON. */
process.stdout.write(`${JSON.stringify(bomOf(repository), undefined, 2)}\n`);
