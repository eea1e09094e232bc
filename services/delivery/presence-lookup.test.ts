import assert from "node:assert/strict";
import { test } from "node:test";
import { type PresenceApi, PresenceClientError, type PresenceClientErrorCode } from "@realchat/presence-client";
import { presenceLookup } from "./presence-lookup.ts";
import { LookupRefused } from "./push/presence-lookup.ts";

const failing = (code: PresenceClientErrorCode) =>
  presenceLookup({ getPresence: () => Promise.reject(new PresenceClientError(code, "no")) } as unknown as PresenceApi);

test("an unreadable record of one user is distinguished from an unavailable presence", async () => {
  for (const code of ["INTERNAL", "INVALID_ARGUMENT", "DATA_LOSS"] as const) {
    await assert.rejects(failing(code)(["ann"]), LookupRefused, code);
  }
  for (const code of ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"] as const) {
    await assert.rejects(failing(code)(["ann"]), PresenceClientError, code);
  }
});

test("an answer says by shard since when presence's data go back", async () => {
  const answer = {
    presences: [],
    recovering: false,
    lastSeenRetention: undefined,
    data: [{ shard: 3, since: 7_000_000 }],
  };
  const lookUp = presenceLookup({ getPresence: async () => answer } as unknown as PresenceApi);
  assert.deepEqual((await lookUp(["ann"])).dataSince, new Map([[3, 7_000_000]]));
});
