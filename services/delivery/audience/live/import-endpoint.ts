import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Order } from "@realchat/presence-runtime";
import { AudienceError, type AudienceErrorCode } from "../audience-error.ts";
import type { AudienceDirectory } from "../directory.ts";
import type { DirectoryListener } from "../listener.ts";
import { checkImport, importAudience } from "../sources/import-audience.ts";

export const importPath = "/audience/import";

/** Bytes of one request: the gateway handles that without delay for its sockets. A file is sent in many requests. */
export const requestMaxBytes = 1024 * 1024;

/** JSON lines. Not CORS-safelisted, so a page cannot send it to another origin: https://fetch.spec.whatwg.org/#cors-safelisted-request-header */
export const requestContentType = "application/x-ndjson";

interface ImportEndpointOptions {
  readonly directory: AudienceDirectory;
  /** Called with what the import affects. */
  readonly listener: DirectoryListener;
  /** The endpoint is reachable from other machines, and that is not allowed by a setting. */
  readonly isExposed: boolean;
}

/**
 * The endpoint that imports into the directory of a running gateway: all lines of a request, or none when one is
 * invalid.
 */
export function importEndpoint({ directory, listener, isExposed }: ImportEndpointOptions): Order {
  return {
    meaning: `${requestContentType}: who may see whom, as \`audience import\` reads it`,
    async run(request) {
      try {
        if (isExposed) throw new AudienceError("REFUSED", exposed);
        refuseBrowsers(request);
        const lines = await readBody(request);
        const { contacts } = await checkImport(Readable.from([lines]));
        const imported = await importAudience(directory, Readable.from([lines]), { listener });
        // A one-sided contact shows nobody.
        const census = imported.contacts > 0 && { mutual: contacts?.mutual, oneSided: contacts?.oneSided };
        return { status: 200, value: { ...imported, ...census, directory: directory.kind } };
      } catch (error) {
        if (!(error instanceof AudienceError)) throw error;
        // The message without the line number up to which it was applied: the client that has the file adds its own.
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

/** A page in a browser on this machine is not its administrator. Browsers send Origin with every POST. */
function refuseBrowsers({ headers }: IncomingMessage): void {
  if (headers.origin !== undefined) throw new AudienceError("REFUSED", "pages may not import");
  if (headers["content-type"] !== requestContentType) {
    throw new AudienceError("REFUSED", `the content-type is not ${requestContentType}`);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > requestMaxBytes) {
      const message = `more than ${requestMaxBytes} bytes at once: send fewer lines, or let \`audience import\` do it`;
      throw new AudienceError("INVALID_IMPORT", message);
    }
  }
  return Buffer.concat(chunks);
}
