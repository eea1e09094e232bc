import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { presence } from "@realchat/presence-proto";
import { freePort, startChild, temporaryFolder, waitUntil } from "@realchat/presence-testing";

const { GetUserDevicesRequest: Request, GetUserDevicesResponse: Response } = presence;

test("the README's example is a server", async (t) => {
  const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
  const [, code] = readme.match(/^```ts\n(.*?)^```$/ms) ?? [];
  assert.ok(code);
  const port = await freePort();
  const server = await startChild(process.execPath, ["--input-type=module-typescript", "--eval", code], {
    logFile: join(temporaryFolder("readme").path, "example.log"),
    env: { PATH: process.env.PATH, PORT: String(port) },
    cwd: import.meta.dirname,
  });
  t.after(() => server.end("SIGKILL"));
  await waitUntil(() => server.output().includes("listening"), { what: "the example listens" });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(() => client.close());
  const devicesOf = (userId: string) =>
    new Promise<readonly string[]>((resolve, reject) =>
      client.makeUnaryRequest(
        "/example.v1.Devices/GetUserDevices",
        (request: presence.GetUserDevicesRequest) => Buffer.from(Request.encode(request).finish()),
        (bytes) => Response.decode(bytes),
        { userId },
        (error, response) =>
          error === null ? resolve((response?.devices ?? []).map(({ deviceId }) => deviceId)) : reject(error),
      ),
    );
  assert.deepEqual(await devicesOf("ann"), ["phone", "laptop"]);
  await assert.rejects(devicesOf("bob"), /NOT_FOUND: no user bob here/);
  assert.equal(await server.end("SIGTERM"), 0);
});
