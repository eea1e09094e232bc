import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** A file as it is sent. */
interface ServedFile {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Settings that the page reads from its gateway. */
interface PageSettings {
  /** true: users sign in with a token; false: as one of the sample cast. */
  readonly asksForToken: boolean;
}

/** Answers a request for one of the page's files. @returns false when there is none: the answer is then the caller's */
type ServeWeb = (request: IncomingMessage, response: ServerResponse) => boolean;

export function webServer(settings: PageSettings): ServeWeb {
  const files = readFiles(settings);
  return (request, response) => serve(files, request, response);
}

function serve(files: ReadonlyMap<string, ServedFile>, request: IncomingMessage, response: ServerResponse): boolean {
  const file = files.get((request.url ?? "").replace(/\?.*$/s, ""));
  if (file === undefined || (request.method !== "GET" && request.method !== "HEAD")) return false;
  if (request.headers["if-none-match"] === file.headers.etag) {
    response.writeHead(304, file.headers).end();
    return true;
  }
  const takesGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"]));
  const body = takesGzip ? file.gzipped : file.body;
  response.writeHead(200, {
    ...file.headers,
    "content-length": body.length,
    ...(takesGzip && { "content-encoding": "gzip" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
  return true;
}

/** All files by request path; few and small, so they are kept in memory. */
function readFiles(settings: PageSettings): Map<string, ServedFile> {
  const page = fileURLToPath(new URL("./page", import.meta.url));
  const client = fileURLToPath(new URL(".", import.meta.resolve("@realchat/presence-web")));
  const policy = securityPolicy(readFileSync(join(page, "index.html"), "utf8"));
  const served = new Map<string, ServedFile>();
  const add = (path: string, file: string) => served.set(path, toServed(readFileSync(file), extname(file), policy));
  for (const name of globSync("*.{html,css,js,svg}", { cwd: page })) add(`/${name}`, join(page, name));
  for (const name of globSync("*.js", { cwd: client })) add(`/presence-web/${name}`, join(client, name));
  add("/", join(page, "index.html"));
  add("/sample-cast.json", fileURLToPath(new URL("./sample-cast.json", import.meta.url)));
  served.set("/gateway.json", toServed(Buffer.from(JSON.stringify(settings)), ".json", policy));
  return served;
}

function toServed(body: Buffer, extension: string, policy: string): ServedFile {
  return {
    body,
    gzipped: gzipSync(body),
    headers: {
      "content-type": types[extension] as string,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      "cache-control": "no-cache",
      vary: "accept-encoding",
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  };
}

/** Only scripts of this origin run. An import map cannot be a file, so its hash is listed. */
function securityPolicy(html: string): string {
  const importMap = /<script type="importmap">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
  const hash = createHash("sha256").update(importMap).digest("base64");
  return `default-src 'self'; script-src 'self' 'sha256-${hash}'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'`;
}
