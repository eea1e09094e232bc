import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { ScriptedTopic } from "@realchat/presence-kafka/testing";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { everything, merge, nothing, storedPolicy } from "../../privacy/policy.ts";
import { AudienceError } from "../audience-error.ts";
import { completeDirectory } from "../complete-directory.ts";
import { block, contact, conversationCreated, membershipChanged } from "../testing/event-records.ts";
import { FlakyDirectory } from "../testing/flaky-directory.ts";
import { RecordedListener } from "../testing/recorded-listener.ts";
import { KafkaSource } from "./kafka-source.ts";
import { type AudienceTopic, audienceTopics, type TopicNames } from "./topics.ts";

type Topics = Record<AudienceTopic, ScriptedTopic>;

interface Scene {
  readonly topics: Topics;
  readonly directory: FlakyDirectory;
  readonly clock: FakeClock;
  /** Starts another gateway on the same directory and topics. */
  start(): Gateway;
}

interface Gateway {
  readonly source: KafkaSource;
  readonly listener: RecordedListener;
  readonly lines: string[];
}

function openScene(t: TestContext): Scene {
  const clock = new FakeClock();
  const directory = new FlakyDirectory();
  const topics = Object.fromEntries(audienceTopics.map((topic) => [topic, new ScriptedTopic(2, clock)])) as Topics;
  return {
    topics,
    directory,
    clock,
    start() {
      const listener = new RecordedListener();
      const lines: string[] = [];
      const log = (fields: object, message: string) => lines.push(`${message} ${JSON.stringify(fields)}`);
      const source = new KafkaSource(
        {
          kafka: { brokers: [], clientId: "test" },
          topics: Object.fromEntries(audienceTopics.map((topic) => [topic, topic])) as TopicNames,
          log: { info: log, warn: log, error: log } as never,
          ...{ directory, listener, clock },
        },
        (name) => topics[name as AudienceTopic],
      );
      source.start();
      t.after(() => source.stop());
      return { source, listener, lines };
    },
  };
}

/** Lets time pass until the condition holds. */
async function until(clock: FakeClock, what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let passedMs = 0; passedMs <= 60_000; passedMs += 100) {
    if (await condition()) return;
    await clock.advance(100);
  }
  assert.fail(`a minute passed, and it is not so that ${what}`);
}

async function whomSees({ directory }: Scene, viewer: string): Promise<string[]> {
  return (await directory.visibleTo(viewer, 100)).users.sort();
}

function untilSees(scene: Scene, viewer: string, users: string[]): Promise<void> {
  return until(scene.clock, `${viewer} sees ${users}`, async () => `${await whomSees(scene, viewer)}` === `${users}`);
}

const untilComplete = ({ clock }: Scene, { source }: Gateway) =>
  until(clock, "the source is complete", () => source.isComplete);

test("all topics and partitions are read from the start, and then as they are written", async (t) => {
  const scene = openScene(t);
  const { topics } = scene;
  topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"));
  topics["conversation.events.v1"].write(1, conversationCreated("club", "ann", "cid"));
  topics["contact.added"].write(0, contact("ann", "dan"));
  topics["contact.added"].write(1, contact("dan", "ann"));
  topics["user.blocked"].write(1, block("cid", "ann"), Date.UTC(2025, 11));
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob", "dan"]);
  topics["user.unblocked"].write(0, block("cid", "ann"), Date.UTC(2026, 0));
  await untilSees(scene, "ann", ["bob", "cid", "dan"]);
  topics["contact.removed"].write(0, contact("dan", "ann"), Date.UTC(2026, 1));
  await untilSees(scene, "ann", ["bob", "cid"]);
  topics["conversation.events.v1"].write(0, membershipChanged("room", "bob", false));
  await untilSees(scene, "ann", ["cid"]);
  assert.ok(gateway.listener.isAffected("ann", "bob"));
  assert.equal(gateway.source.metrics().get("conversation.events.v1")?.records, 3);
});

test("reads wait until all history is applied, and then everybody is looked at once", async (t) => {
  const scene = openScene(t);
  const { topics, directory } = scene;
  topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"));
  topics["user.blocked"].write(0, block("ann", "bob"));
  topics["user.blocked"].failure = new Error("the broker of this one is slow to come");
  const gateway = scene.start();
  const complete = completeDirectory(directory, () => gateway.source.isComplete);
  await until(scene.clock, "the conversation is known", async () => (await whomSees(scene, "ann")).length === 1);
  await assert.rejects(complete.visibleTo("ann", 10), { code: "UNAVAILABLE" });
  await assert.rejects(complete.maySee("ann", ["bob"]), { code: "UNAVAILABLE" });
  assert.equal(complete.health().ready, false);
  assert.equal(gateway.listener.recheckAllCalls, 0);
  await untilComplete(scene, gateway);
  assert.deepEqual(await complete.visibleTo("ann", 10), { users: [], more: false });
  assert.equal(gateway.listener.recheckAllCalls, 1);
});

test("between topics the records' timestamps decide: an old contact does not outlive a block", async (t) => {
  const scene = openScene(t);
  const { topics } = scene;
  const day = (number: number) => Date.UTC(2026, 0, number);
  topics["user.blocked"].write(0, block("ann", "bob"), day(2));
  topics["user.unblocked"].write(0, block("ann", "bob"), day(3));
  await untilComplete(scene, scene.start());
  topics["contact.added"].write(0, contact("ann", "bob"), day(1));
  topics["contact.added"].write(1, contact("bob", "ann"), day(1));
  await until(scene.clock, "the contacts are read", async () => (await scene.directory.state()).positions.size === 4);
  assert.deepEqual(await whomSees(scene, "ann"), []);
  topics["contact.added"].write(0, contact("ann", "bob"), day(4));
  await untilSees(scene, "ann", ["bob"]);
});

test("within a partition Kafka's order decides, even if the producer's clock steps back", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  conversations.write(0, conversationCreated("room", "ann", "bob"), 2_000_000);
  conversations.write(0, membershipChanged("room", "bob", false), 1_000_000);
  await untilComplete(scene, scene.start());
  assert.deepEqual(await whomSees(scene, "ann"), []);
});

const futures = { "5 minutes ahead": 300_000, "in 2096": 70 * 365 * 86_400_000 };
for (const [what, aheadMs] of Object.entries(futures)) {
  for (const when of ["history", "news"]) {
    test(`a record that is ${what}, as ${when}, dates nobody else's`, async (t) => {
      const scene = openScene(t);
      const { topics, clock } = scene;
      const nowMs = () => Math.floor(clock.nowUs() / 1_000);
      const pairs = [
        ["w", "ada"],
        ["zoe", "yan"],
      ] as const;
      for (const pair of pairs) {
        topics["conversation.events.v1"].write(0, conversationCreated(pair[0], pair[0], pair[1]), nowMs() - 90_000);
        topics["user.blocked"].write(0, block(pair[0], pair[1]), nowMs() - 80_000);
      }
      const gateway = when === "news" ? scene.start() : undefined;
      if (gateway !== undefined) await untilComplete(scene, gateway);
      topics["user.unblocked"].write(0, block("zoe", "yan"), nowMs() + aheadMs);
      topics["user.unblocked"].write(0, block("w", "ada"), nowMs() - 70_000);
      topics["user.blocked"].write(0, block("w", "ada"), nowMs() - 60_000);
      const read = gateway ?? scene.start();
      await untilComplete(scene, read);
      await until(clock, "all is read", () => read.source.metrics().get("user.blocked")?.records === 3);
      await until(clock, "all is read", () => read.source.metrics().get("user.unblocked")?.records === 2);
      assert.deepEqual(await whomSees(scene, "w"), []);
      // In doubt nothing is shown; as news it is known to come after the block.
      assert.deepEqual(await whomSees(scene, "zoe"), when === "news" ? ["yan"] : []);
      await clock.advance(1_000);
      topics["user.blocked"].write(0, block("zoe", "yan"), nowMs());
      await untilSees(scene, "zoe", []);
      await clock.advance(1_000);
      topics["user.unblocked"].write(0, block("zoe", "yan"), nowMs());
      await untilSees(scene, "zoe", ["yan"]);
    });
  }
}

test("a block in 2096 ends with the unblock that follows it", async (t) => {
  const scene = openScene(t);
  const { topics, clock } = scene;
  topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"), Date.UTC(2026, 0));
  await untilComplete(scene, scene.start());
  topics["user.blocked"].write(0, block("ann", "bob"), 4e12);
  await untilSees(scene, "ann", []);
  await clock.advance(1_000);
  topics["user.unblocked"].write(0, block("ann", "bob"), Math.floor(clock.nowUs() / 1_000));
  await untilSees(scene, "ann", ["bob"]);
});

test("within a partition a membership that is told later counts, whatever is told of others between, and over restarts", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  const day = (number: number) => Date.UTC(2026, 0, number);
  conversations.write(0, conversationCreated("room", "ann", "bob"), day(9));
  conversations.write(0, membershipChanged("room", "bob", false), day(8));
  const first = scene.start();
  await untilComplete(scene, first);
  assert.deepEqual(await whomSees(scene, "ann"), []);
  await first.source.stop();
  conversations.write(0, conversationCreated("other", "cid", "dan"), day(2));
  conversations.write(0, membershipChanged("room", "bob", true), day(7));
  const second = scene.start();
  await untilComplete(scene, second);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob"]);
  conversations.write(0, membershipChanged("room", "bob", false), day(6));
  await untilSees(scene, "ann", []);
  conversations.write(0, membershipChanged("room", "bob", true), -1);
  await untilSees(scene, "ann", ["bob"]);
});

test("a plain block behind an open transaction counts at once, and the history is not complete before the transaction ends", async (t) => {
  for (const end of ["commit", "abort"] as const) {
    const scene = openScene(t);
    const { topics } = scene;
    const day = (number: number) => Date.UTC(2026, 0, number);
    topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob", "cid"), day(1));
    topics["user.blocked"].writeInTransaction(1, block("ann", "cid"), day(2));
    topics["user.blocked"].write(1, block("ann", "bob"), day(2));
    const gateway = scene.start();
    await untilSees(scene, "ann", ["cid"]);
    assert.ok(gateway.listener.isAffected("ann", "bob"));
    await scene.clock.advance(60_000);
    assert.equal(gateway.source.isComplete, false);
    assert.equal(gateway.source.health().ready, false);
    assert.match(
      gateway.source.health().detail,
      /user\.blocked: is read, but for what open transactions hold back: partition 1 from 0 to 2/,
    );
    assert.equal(gateway.source.metrics().get("user.blocked")?.held, 1);
    topics["user.blocked"].endTransaction(1, end);
    await untilComplete(scene, gateway);
    assert.deepEqual(gateway.source.health().ready, true);
    assert.deepEqual(await whomSees(scene, "ann"), end === "commit" ? [] : ["cid"]);
    assert.equal(gateway.source.metrics().get("user.blocked")?.held, 0);
  }
});

test("a transaction that stays open makes a gateway unready that was ready, and keeps nobody else's block from it", async (t) => {
  const scene = openScene(t);
  const { topics, clock } = scene;
  topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"), Date.UTC(2026, 0));
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  topics["user.blocked"].writeInTransaction(0, block("cid", "dan"), Date.UTC(2026, 1));
  await clock.advance(2_000);
  assert.ok(gateway.source.health().ready, "transactions take a moment");
  topics["user.blocked"].write(0, block("ann", "bob"), Math.floor(clock.nowUs() / 1_000));
  await untilSees(scene, "ann", []);
  await until(clock, "it is not ready", () => !gateway.source.health().ready);
  assert.ok(gateway.source.isComplete, "what is known is answered");
  const before = scene.directory.metrics().relations;
  topics["user.blocked"].endTransaction(0, "commit");
  await until(clock, "it is ready again", () => gateway.source.health().ready);
  assert.equal(scene.directory.metrics().relations, before + 2);
  assert.deepEqual(await whomSees(scene, "ann"), []);
});

test("a batch that cannot be read is passed over, counted, and told once in a while", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  conversations.writeUnreadable(0, "becomes more than 16777216 bytes when it is decompressed");
  conversations.write(0, conversationCreated("room", "ann", "bob"));
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob"]);
  conversations.writeUnreadable(0, "becomes more than 16777216 bytes when it is decompressed");
  await until(scene.clock, "both are counted", () => {
    return gateway.source.metrics().get("conversation.events.v1")?.unreadable === 2;
  });
  const lines = gateway.lines.filter((line) => line.startsWith("passed over"));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /becomes more than 16777216 bytes .*"partition":0,"offset":0,"records":1/);
});

test("malformed records are counted, skipped and logged, and what follows is read", async (t) => {
  const scene = openScene(t);
  scene.topics["contact.added"].write(0, "rubbish");
  scene.topics["contact.added"].write(0, "{}");
  scene.topics["contact.added"].write(0, contact("ann", "bob"));
  scene.topics["contact.added"].write(1, contact("bob", "ann"));
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob"]);
  assert.equal(gateway.source.metrics().get("contact.added")?.malformed, 2);
  assert.match(gateway.lines.join("\n"), /skipped: a record is no JSON.*"partition":0,"offset":0,"count":2/);
});

test("a gateway that is behind another hears of every change, though the other applied it first", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  const [first, second] = [scene.start(), scene.start()];
  await untilComplete(scene, first);
  await untilComplete(scene, second);
  conversations.write(0, conversationCreated("room", "ann", "bob"));
  const told = () => first.listener.isAffected("ann", "bob") && second.listener.isAffected("ann", "bob");
  await until(scene.clock, "both are told", told);
  assert.equal(scene.directory.metrics().relations, 2);
});

test("a batch whose reply was lost is told all the same", async (t) => {
  const scene = openScene(t);
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  scene.directory.losesNextReply = true;
  scene.topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"));
  await until(scene.clock, "it is told", () => gateway.listener.isAffected("ann", "bob"));
});

test("while the directory is away nothing is skipped", async (t) => {
  const scene = openScene(t);
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  scene.directory.isAway = true;
  scene.topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"));
  await scene.clock.advance(20_000);
  assert.ok(!gateway.listener.isAffected("ann", "bob"));
  scene.directory.isAway = false;
  await untilSees(scene, "ann", ["bob"]);
  assert.ok(gateway.source.isComplete);
});

test("a directory that lost its data is filled again from the start, and unknown until then", async (t) => {
  const scene = openScene(t);
  scene.topics["conversation.events.v1"].write(0, conversationCreated("room", "ann", "bob"));
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  scene.directory.loseData();
  assert.equal(gateway.source.isComplete, false);
  await untilComplete(scene, gateway);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob"]);
  assert.equal(gateway.listener.recheckAllCalls, 2);
});

test("a directory that is full, and misses what follows, is not answered from", async (t) => {
  const scene = openScene(t);
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  scene.directory.failure = new AudienceError("FULL", "limit 3");
  scene.topics["user.blocked"].write(0, block("ann", "bob"));
  await until(scene.clock, "it is not complete", () => !gateway.source.isComplete);
  assert.match(gateway.source.health().detail, /user\.blocked: limit 3/);
  scene.directory.failure = undefined;
  await untilComplete(scene, gateway);
});

test("a topic that does not exist yet holds up nobody, and is read when it is there", async (t) => {
  const scene = openScene(t);
  const contacts = scene.topics["contact.added"];
  contacts.exists = false;
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  assert.match(gateway.source.health().detail, /contact\.added: does not exist yet/);
  contacts.exists = true;
  contacts.write(0, contact("ann", "bob"));
  contacts.write(1, contact("bob", "ann"));
  await untilSees(scene, "ann", ["bob"]);
});

test("records that retention took are counted and passed over, and all pairs are looked at", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  conversations.write(0, conversationCreated("a", "ann", "bob"));
  const first = scene.start();
  await untilComplete(scene, first);
  await first.source.stop();
  for (const id of ["b", "c", "d"]) conversations.write(0, conversationCreated(id, "ann", id));
  conversations.forget(0, 3);
  const second = scene.start();
  await untilComplete(scene, second);
  assert.deepEqual(await whomSees(scene, "ann"), ["bob", "d"]);
  assert.equal(second.source.metrics().get("conversation.events.v1")?.outOfRange, 1);
  assert.match(second.lines.join("\n"), /records are gone/);
  conversations.write(0, conversationCreated("e", "ann", "e"));
  await untilSees(scene, "ann", ["bob", "d", "e"]);
});

test("a topic that is deleted and made anew is read from its new start", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  for (const id of ["a", "b", "c"]) conversations.write(0, conversationCreated(id, "ann", id));
  await untilComplete(scene, scene.start());
  conversations.remake();
  conversations.write(0, conversationCreated("d", "ann", "d"));
  await untilSees(scene, "ann", ["a", "b", "c", "d"]);
});

test("a broker that fails is asked again, from where it was", async (t) => {
  const scene = openScene(t);
  const conversations = scene.topics["conversation.events.v1"];
  const gateway = scene.start();
  await untilComplete(scene, gateway);
  conversations.failure = new Error("connection reset");
  conversations.write(0, conversationCreated("room", "ann", "bob"));
  await untilSees(scene, "ann", ["bob"]);
  assert.equal(gateway.source.metrics().get("conversation.events.v1")?.failures, 1);
  assert.equal(gateway.source.metrics().get("conversation.events.v1")?.records, 1);
  assert.ok(gateway.source.isComplete);
  assert.equal(gateway.lines.filter((line) => line.startsWith("who may see whom is not heard of now")).length, 1);
});

describe("policies", () => {
  const written = async (scene: Scene, gateway: Gateway, records: number) => {
    const read = () => gateway.source.metrics().get("presence.privacy")?.records === records;
    await until(scene.clock, `${records} policies are read`, read);
  };

  test("are read from the start, the last one of a user counts, and listeners hear whose changed", async (t) => {
    const scene = openScene(t);
    const topic = scene.topics["presence.privacy"];
    topic.writeKeyed(0, "ann", '{"invisible":true}', 2_000);
    topic.writeKeyed(1, "bob", "rubbish", 2_000);
    const gateway = scene.start();
    await untilComplete(scene, gateway);
    const invisible = storedPolicy(merge(everything, { invisible: true }));
    assert.deepEqual(scene.directory.policyOf("ann"), { stamp: 2_000_000, policy: invisible });
    assert.deepEqual(scene.directory.policyOf("bob"), { stamp: 2_000_000, policy: storedPolicy(nothing) });
    assert.equal(gateway.source.metrics().get("presence.privacy")?.malformed, 1);
    topic.writeKeyed(0, "ann", undefined, 1_000);
    await written(scene, gateway, 3);
    assert.deepEqual(gateway.listener.policyOwners, ["ann", "bob", "ann"]);
    // Its clock stepped back: the tombstone follows all the same, and its stamp is kept.
    assert.deepEqual(scene.directory.policyOf("ann"), { stamp: 2_000_001, policy: "" });
  });

  test("behind an open transaction count at once, a tombstone among them", async (t) => {
    const scene = openScene(t);
    const topic = scene.topics["presence.privacy"];
    const gateway = scene.start();
    await untilComplete(scene, gateway);
    topic.writeInTransaction(0, "{}", 1_000);
    topic.writeKeyed(0, "ann", '{"invisible":true}', 2_000);
    await until(scene.clock, "it is applied", () => scene.directory.policyOf("ann")?.policy !== undefined);
    topic.writeKeyed(0, "ann", undefined, 3_000);
    await until(scene.clock, "it is taken back", () => scene.directory.policyOf("ann")?.policy === "");
    await gateway.source.atEndOfPrivacy();
  });

  test("are at their end once everything is applied that was written before the question", async (t) => {
    const scene = openScene(t);
    const topic = scene.topics["presence.privacy"];
    const gateway = scene.start();
    await untilComplete(scene, gateway);
    await gateway.source.atEndOfPrivacy();
    scene.directory.isAway = true;
    topic.writeKeyed(1, "ann", '{"invisible":true}', 2_000);
    let isAtEnd = false;
    const asked = Array.from({ length: 100 }, () => gateway.source.atEndOfPrivacy());
    void Promise.all(asked).then(() => {
      isAtEnd = true;
    });
    await scene.clock.advance(5_000);
    assert.equal(isAtEnd, false, "the directory does not have it");
    scene.directory.isAway = false;
    await until(scene.clock, "they are at the end", () => isAtEnd);
    assert.notEqual(scene.directory.policyOf("ann")?.policy, undefined);
  });

  test("of a topic that does not exist are at their end, and of one made anew when that is read", async (t) => {
    const scene = openScene(t);
    const topic = scene.topics["presence.privacy"];
    topic.exists = false;
    const gateway = scene.start();
    await untilComplete(scene, gateway);
    await gateway.source.atEndOfPrivacy();
    topic.exists = true;
    topic.writeKeyed(0, "ann", '{"invisible":true}', 2_000);
    let ends = 0;
    const count = () => {
      ends += 1;
    };
    void gateway.source.atEndOfPrivacy().then(count);
    await until(scene.clock, "it is read", () => ends === 1);
    assert.notEqual(scene.directory.policyOf("ann"), undefined);
    topic.remake();
    topic.writeKeyed(1, "bob", '{"invisible":true}', 2_000);
    void gateway.source.atEndOfPrivacy().then(count);
    await until(scene.clock, "the new one is read", () => ends === 2);
    assert.notEqual(scene.directory.policyOf("bob"), undefined);
  });
});
