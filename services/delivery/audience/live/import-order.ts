import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Order } from "@realchat/presence-runtime";
import { AudienceError, type AudienceErrorCode } from "../audience-error.ts";
import type { AudienceDirectory } from "../directory.ts";
import type { AudienceListener } from "../listener.ts";
import { checkImport, importAudience } from "../sources/import-audience.ts";

export const importPath = "/audience/import";

/** Bytes of one order: what the gateway can take in without keeping its sockets waiting. A file comes in many. */
export const orderMaxBytes = 1024 * 1024;

/** Of JSON lines. No page may send it elsewhere than to its own server without asking first: https://fetch.spec.whatwg.org/#cors-safelisted-request-header */
export const orderType = "application/x-ndjson";

interface ImportOrderOptions {
  readonly directory: AudienceDirectory;
  /** Hears whom it affects, at once. */
  readonly listener: AudienceListener;
  /** Others than this machine's may be able to ask, and nobody said that they may. */
  readonly isExposed: boolean;
}

/** Imports into the directory of a gateway that runs, all lines of an order or none that it can tell to be wrong. */
export function importOrder({ directory, listener, isExposed }: ImportOrderOptions): Order {
  return {
    meaning: `${orderType}: who may see whom, as \`audience import\` reads it`,
    async run(request) {
      try {
        if (isExposed) throw new AudienceError("REFUSED", exposed);
        refuseOthers(request);
        const lines = await readBody(request);
        const { contacts } = await checkImport(Readable.from([lines]));
        const imported = await importAudience(directory, Readable.from([lines]), { listener });
        // One contact alone shows nobody.
        const census = imported.contacts > 0 && { mutual: contacts?.mutual, oneSided: contacts?.oneSided };
        return { status: 200, value: { ...imported, ...census, directory: directory.kind } };
      } catch (error) {
        if (!(error instanceof AudienceError)) throw error;
        // How far it got is for the one to say who has the file.
        const { code, message } = error.cause instanceof AudienceError ? error.cause : error;
        return { status: statuses[code], value: { error: code, message } };
      }
    },
  };
}

const exposed =
  "HTTP_ADDR is reachable from other machines, and who may see whom is not for everybody to say: listen on 127.0.0.1, " +
  "or accept it with ALLOW_IMPORT=true (--allow-import)";

const statuses: Readonly<Record<AudienceErrorCode, number>> = {
  INVALID_IMPORT: 400,
  REFUSED: 403,
  UNAVAILABLE: 503,
  REWOUND: 503,
  FULL: 507,
};

/** A page in a browser on this machine is not this machine's administrator; browsers say with every POST whose it is. */
function refuseOthers({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined) throw new AudienceError("REFUSED", "pages may not import");
  if (headers["content-type"] !== orderType) {
    throw new AudienceError("REFUSED", `the content-type is not ${orderType}`);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > orderMaxBytes) {
      const message = `more than ${orderMaxBytes} bytes at once: send fewer lines, or let \`audience import\` do it`;
      throw new AudienceError("INVALID_IMPORT", message);
    }
  }
  return Buffer.concat(chunks);
}
