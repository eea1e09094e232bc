import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import { Random } from "../random/random.ts";
import { standardTiming } from "../standard-run.ts";
import { System } from "./system.ts";

test("a system of which a part does not start leaves nothing behind that keeps this process alive", async () => {
  const timing = { ...standardTiming, ttlMs: 0 };
  const options = {
    redis: "single" as const,
    nodes: 2,
    gateways: ["gateway"],
    timing,
    random: new Random(1),
    ...{ faketime: undefined, users: [], observer: "eve" },
  };
  await assert.rejects(System.start(options), /SESSION_TTL/);
  // Sockets that were destroyed are gone a turn later.
  const isNoneLeft = () => !process.getActiveResourcesInfo().some((name) => name.startsWith("TCP"));
  await waitUntil(isNoneLeft, { what: "no socket and no listener is left" });
});
