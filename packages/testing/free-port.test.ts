import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, reservePort } from "./free-port.ts";

test("no port is given out twice, though none of them is in use", async () => {
  const ports = await Promise.all(Array.from({ length: 500 }, freePort));
  assert.equal(new Set(ports).size, ports.length);
});

test("a port belongs to the process that reserved it as long as that lives", () => {
  const port = 100_000 + process.pid; // no other process uses it
  const file = join(tmpdir(), `realchat-port-${port}`);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  writeFileSync(file, String(pid));
  assert.equal(reservePort(port), true, "its process is gone");
  assert.equal(reservePort(port), false);
  writeFileSync(file, String(process.ppid));
  assert.equal(reservePort(port), false);
  rmSync(file);
});
