import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { conversation } from "@realchat/presence-proto";
import { type CallContext, createRpcServer, implement, RpcError } from "@realchat/presence-rpc";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { MemoryDirectory } from "../../memory/memory-directory.ts";
import { FlakyDirectory } from "../../testing/flaky-directory.ts";
import { RecordedListener } from "../../testing/recorded-listener.ts";
import { ConversationListing, type ConversationListingOptions } from "./conversation-listing.ts";

type Answer = (userId: string, call: CallContext) => Promise<conversation.Conversation[]>;

/** A conversation service that answers so, and a listing that asks it. */
async function openScene(t: TestContext, answer: Answer, options: Partial<ConversationListingOptions> = {}) {
  const calls: string[] = [];
  const api = implement(conversation.ConversationApiDefinition, {
    async listConversations({ userId }, call) {
      calls.push(userId);
      return { conversations: await answer(userId, call) };
    },
  });
  const server = createRpcServer({ services: [api] });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.drain(0));
  const directory = new FlakyDirectory();
  const listener = new RecordedListener();
  const listing = new ConversationListing({
    address: `127.0.0.1:${port}`,
    ...{ directory, listener, clock: systemClock },
    ...options,
  });
  t.after(() => listing.close());
  return { calls, directory, listener, listing };
}

const room = (conversationId: string, ...participantUserIds: string[]) => ({ conversationId, participantUserIds });

test("who connects sees those whom the conversation service lists, and they are told", async (t) => {
  const { directory, listener, listing } = await openScene(t, async (userId, call) => {
    assert.equal(call.metadata("x-user-id"), userId);
    return [room("a", "ann", "bob"), room("b", "cid"), room("", "eve"), room("c", "ann", "bad\nid", "dan")];
  });
  assert.equal(await listing.refresh("ann"), "applied");
  assert.deepEqual((await directory.visibleTo("ann", 10)).users.sort(), ["bob", "cid", "dan"]);
  assert.ok(listener.isAffected("ann", "cid"));
  assert.equal(listing.health().ready, true);
});

test("an id that no header can carry is sent as in a URL", async (t) => {
  const { listing } = await openScene(t, async (userId, call) => {
    assert.equal(call.metadata("x-user-id"), encodeURIComponent(userId));
    return [];
  });
  assert.equal(await listing.refresh("zoë 🙂"), "applied");
});

test("a listing does not bring back who has just been removed, but those of whom long ago something else was said", async (t) => {
  const { directory, listing } = await openScene(t, async () => [room("room", "ann", "bob", "cid")]);
  const nowUs = systemClock.nowUs();
  await directory.apply({
    changes: [
      { kind: "left", at: nowUs - 10_000_000, conversationId: "room", userId: "bob" },
      { kind: "left", at: nowUs - 3_600_000_000, conversationId: "room", userId: "cid" },
    ],
  });
  await listing.refresh("ann");
  assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["cid"]);
});

test("a user is asked for once in a while, whoever asks at the same time", async (t) => {
  const { calls, listing } = await openScene(t, async () => []);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => listing.refresh("ann")));
  assert.deepEqual(new Set(outcomes), new Set(["applied"]));
  assert.equal(await listing.refresh("ann"), "applied");
  assert.equal(await listing.refresh("bob"), "applied");
  assert.deepEqual(calls, ["ann", "bob"]);
  assert.equal(listing.metrics().outcomes.cached, 5);
});

test("answers remembered are bounded, and not good for ever", async (t) => {
  const bounded = await openScene(t, async () => [], { maxCached: 2 });
  for (const user of ["ann", "bob", "cid", "ann"]) await bounded.listing.refresh(user);
  assert.deepEqual(bounded.calls, ["ann", "bob", "cid", "ann"]);
  assert.deepEqual(bounded.listing.metrics().bounds.cached, { used: 2, limit: 2 });
  const short = await openScene(t, async () => [], { cacheMs: 0 });
  for (const user of ["ann", "ann"]) await short.listing.refresh(user);
  assert.equal(short.calls.length, 2);
});

test("a service that refuses, or is silent, leaves what the directory knows, and is asked again", async (t) => {
  let answer: Answer = async () => {
    throw new RpcError("UNAVAILABLE", "not now");
  };
  const { directory, listing } = await openScene(t, (userId, call) => answer(userId, call), { timeoutMs: 2_000 });
  await directory.apply({
    changes: [{ kind: "conversation", at: 1, conversationId: "room", participants: ["ann", "bob"] }],
  });
  assert.equal(await listing.refresh("ann"), "failed");
  assert.match(listing.health().detail, /fails: .*UNAVAILABLE.*not now/);
  answer = (_, call) => new Promise((resolve) => call.signal.addEventListener("abort", () => resolve([])));
  assert.equal(await listing.refresh("ann"), "failed");
  assert.match(listing.health().detail, /DEADLINE_EXCEEDED/);
  assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["bob"]);
  answer = async () => [room("club", "ann", "cid")];
  assert.equal(await listing.refresh("ann"), "applied");
  assert.deepEqual((await directory.visibleTo("ann", 10)).users.sort(), ["bob", "cid"]);
});

test("a service that is not there, and a directory that is away, fail the same way", async (t) => {
  const nowhere = new ConversationListing({
    address: "127.0.0.1:1",
    directory: new MemoryDirectory({}, systemClock),
    listener: new RecordedListener(),
    clock: systemClock,
    timeoutMs: 300,
  });
  t.after(() => nowhere.close());
  assert.equal(await nowhere.refresh("ann"), "failed");
  const { directory, listing } = await openScene(t, async () => [room("room", "ann", "bob")]);
  directory.isAway = true;
  assert.equal(await listing.refresh("ann"), "failed");
});

test("calls under way are bounded, and so are those who wait for one", async (t) => {
  const gate = Promise.withResolvers<void>();
  let open = 0;
  let most = 0;
  const { listing } = await openScene(
    t,
    async () => {
      open += 1;
      most = Math.max(most, open);
      await gate.promise;
      open -= 1;
      return [];
    },
    { maxCalls: 2, maxWaiting: 3 },
  );
  const outcomes = Array.from({ length: 6 }, (_, index) => listing.refresh(`user-${index}`));
  await waitUntil(() => open === 2, { what: "two calls are under way" });
  assert.equal(await outcomes[5], "skipped");
  assert.deepEqual(listing.metrics().bounds.waiting, { used: 3, limit: 3 });
  gate.resolve();
  assert.deepEqual(
    await Promise.all(outcomes.slice(0, 5)),
    Array.from({ length: 5 }, () => "applied"),
  );
  assert.equal(most, 2);
});
