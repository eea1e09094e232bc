import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { webServer } from "./serve-web.ts";

let server: Server;
let origin: string;

before(async () => {
  const serve = webServer({ asksForToken: true });
  server = createServer((request, response) => {
    if (!serve(request, response)) response.writeHead(404).end("not the page's");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

describe("the page's files", () => {
  test("are served with their types, whatever the query", async () => {
    for (const [path, type] of [
      ["/", "text/html; charset=utf-8"],
      ["/?as=ada", "text/html; charset=utf-8"],
      ["/main.js", "text/javascript; charset=utf-8"],
      ["/theme.css", "text/css; charset=utf-8"],
      ["/sample-cast.json", "application/json; charset=utf-8"],
      ["/presence-web/index.js", "text/javascript; charset=utf-8"],
    ] as const) {
      const response = await fetch(origin + path);
      assert.deepEqual([path, response.status, response.headers.get("content-type")], [path, 200, type]);
      assert.ok((await response.text()).length > 50, path);
    }
  });

  test("tell how to sign in", async () => {
    assert.deepEqual(await (await fetch(`${origin}/gateway.json`)).json(), { asksForToken: true });
  });

  test("all that the page asks for is there", async () => {
    const html = await (await fetch(origin)).text();
    const asked = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path as string);
    assert.ok(asked.length > 5);
    for (const path of asked) assert.equal((await fetch(origin + path)).status, 200, path);
  });

  test("are not sent again to who has them", async () => {
    const etag = (await fetch(origin)).headers.get("etag") as string;
    const again = await fetch(origin, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
  });

  test("run nothing that does not come from here", async () => {
    const policy = (await fetch(origin)).headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'self'; script-src 'self' 'sha256-[\w+/=]{44}'/);
    assert.doesNotMatch(policy, /unsafe/);
  });

  test("leave all else to the caller", async () => {
    for (const path of ["/ws", "/../serve-web.ts", "/serve-web.ts", "/presence-web/package.json", "/nothing"]) {
      assert.equal(await (await fetch(origin + path)).text(), "not the page's", path);
    }
    assert.equal((await fetch(origin, { method: "POST" })).status, 404);
  });
});
