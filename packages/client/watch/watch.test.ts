import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Availability,
  PresenceStatus,
  TransitionCause,
  type UserPresence,
  UserStatus,
  type WatchPresenceResponse,
} from "@realchat/presence-proto/presence";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import type { PresenceChange } from "../presence-change.ts";
import { PresenceClientError } from "../presence-client-error.ts";
import { plainStatus } from "../status/user-status.ts";
import type { PresenceNews } from "./presence-news.ts";
import { type PresenceWatch, watch } from "./watch.ts";

/** What a stream says, in a few words: `+alice@3` online, `-alice@4 lunch` offline with that text, `?alice@0` unknown. */
function views(...texts: string[]): UserPresence[] {
  return texts.map((words) => {
    const [, userId = "", version, text = ""] = /^.(\w+)@(\d+) ?(.*)$/.exec(words) ?? [];
    const online = words.startsWith("+");
    const lastSeenAt = online ? undefined : { seconds: 7, nanos: 5_000_000 };
    const availability = online ? Availability.AVAILABILITY_AVAILABLE : Availability.AVAILABILITY_UNSPECIFIED;
    return {
      userId,
      online,
      version: Number(version),
      deviceIds: [],
      shard: 1,
      lastSeenAt,
      status: text === "" ? undefined : UserStatus.fromPartial({ availability, text }),
      unknown: words.startsWith("?"),
    };
  });
}

function message(fields: Partial<WatchPresenceResponse>): WatchPresenceResponse {
  return { snapshot: [], snapshotComplete: false, updates: [], reset: false, recovering: false, ...fields };
}

const snapshot = (...texts: string[]) => message({ snapshot: views(...texts) });
const complete = message({ snapshotComplete: true });
const reset = message({ reset: true });
const recovering = message({ recovering: true });
const updates = (...texts: string[]) => updatesBy(TransitionCause.TRANSITION_CAUSE_CONNECTED, texts);
const statusUpdates = (...texts: string[]) => updatesBy(TransitionCause.TRANSITION_CAUSE_STATUS, texts);
const updatesBy = (cause: TransitionCause, texts: readonly string[]) =>
  message({
    updates: views(...texts).map(({ userId, online, version, lastSeenAt, status: userStatus }) => ({
      ...{
        userId,
        version,
        lastSeenAt,
        occurredAt: 0,
        cause,
        deviceId: "phone",
        instanceId: "gw",
        shard: 1,
        userStatus,
      },
      status: online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE,
    })),
  });

function wordsOf({ userId, online, version, status: { text } }: PresenceChange): string {
  return `${online ? "+" : "-"}${userId}@${version}${text === "" ? "" : ` ${text}`}`;
}

type Step = WatchPresenceResponse | PresenceClientError;

/**
 * A watch whose streams say what the test scripts, one script after the other; the last one stays open.
 * @param asked what GetPresence answers for a user
 */
function watching(
  users: readonly string[] | "everyone",
  scripts: Step[][],
  asked: (userId: string) => string = (userId) => `-${userId}@0`,
  repeats = false,
) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const state = {
    opened: 0,
    recovering: false,
    askings: [] as string[][],
    watched: undefined as PresenceWatch | undefined,
  };
  const api = {
    async *watchPresence(_request: unknown, { signal }: { signal: AbortSignal }) {
      const script = scripts[state.opened++] ?? [];
      for (const step of script) {
        if (step instanceof PresenceClientError) throw step;
        yield step;
      }
      if (state.opened < scripts.length) throw new PresenceClientError("UNAVAILABLE", "cut");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
    async getPresence({ userIds }: { userIds: string[] }) {
      state.askings.push(userIds);
      return { presences: userIds.flatMap((userId) => views(asked(userId))), recovering: state.recovering };
    },
  } as unknown as PresenceApi;
  const told: string[] = [];
  const news: PresenceNews[] = [];
  const ended = (async () => {
    const watched = watch({ api, onServing: () => () => {} }, { users, repeats, signal: stop.signal, clock });
    state.watched = watched;
    for await (const one of watched) {
      news.push(one);
      told.push(one.kind === "change" ? wordsOf(one) : one.kind);
    }
  })();
  return { clock, stop, state, told, news, ended };
}

describe("watching everyone", () => {
  test("tells the snapshot, then changes, and says when it is complete", async () => {
    const { clock, told, news, stop, ended } = watching("everyone", [
      [snapshot("+alice@1"), snapshot("+bob@2"), complete, updates("+carol@3", "-alice@4")],
    ]);
    await clock.advance(0);
    assert.deepEqual(told, ["+alice@1", "+bob@2", "synced", "+carol@3", "-alice@4"]);
    const { kind, ...last } = news.at(-1) as PresenceNews & { kind: "change" };
    const change = { userId: "alice", online: false, version: 4, lastSeenMs: 7_005, cause: 1, deviceId: "phone" };
    assert.deepEqual(last, { ...change, status: plainStatus(false), instanceId: "gw", shard: 1 });
    stop.abort();
    await ended;
  });

  test("tells only real changes: no older versions, no repetitions, no restatements", async () => {
    const { clock, told } = watching("everyone", [
      [
        snapshot("+alice@5"),
        complete,
        updates("-alice@4", "+alice@5", "+alice@6", "-bob@7", "-alice@8", "+alice@8", "+alice@7", "+alice@9"),
      ],
    ]);
    await clock.advance(0);
    assert.deepEqual(told, ["+alice@5", "synced", "-alice@8", "+alice@9"]);
  });

  test("repeats, if it is asked to, what says the same by a newer version, of updates and of answers, but not snapshots", async () => {
    const first = [snapshot("+alice@5"), complete, updates("+alice@5", "+alice@6", "-bob@7", "+alice@4")];
    const second = [reset, snapshot("+carol@8"), complete];
    const { clock, told, state } = watching(
      "everyone",
      [[...first, ...second, reset, snapshot("+alice@10", "+carol@11"), complete]],
      (userId) => `+${userId}@9`,
      true,
    );
    await clock.advance(0);
    const all = ["+alice@5", "synced", "+alice@6", "-bob@7", "unsynced", "+carol@8", "+alice@9", "synced"];
    assert.deepEqual(told, [...all, "unsynced", "synced"]);
    assert.deepEqual(state.askings, [["alice"]]);
  });

  test("tells another status as a change, with the text of who is offline, and each once", async () => {
    const { clock, told } = watching("everyone", [
      [
        snapshot("+alice@1 lunch", "+bob@2"),
        complete,
        statusUpdates("+alice@1 lunch", "+alice@4 review", "+bob@3 lunch"),
        updates("-alice@5 review", "-bob@6"),
        statusUpdates("-alice@7"),
      ],
    ]);
    await clock.advance(0);
    const changes = ["+alice@4 review", "+bob@3 lunch", "-alice@5 review", "-bob@6", "-alice@7"];
    assert.deepEqual(told, ["+alice@1 lunch", "+bob@2", "synced", ...changes]);
  });

  test("tells that the text of somebody who is offline has ended, though it was told long ago, or during a cut", async () => {
    const { clock, told, state } = watching(
      "everyone",
      [
        [complete, statusUpdates("-alice@1"), updates("-bob@2 lunch")],
        [complete, statusUpdates("-alice@1")],
      ],
      (userId) => `-${userId}@9`,
    );
    await clock.advance(5_000);
    assert.deepEqual(told, ["synced", "-alice@1", "-bob@2 lunch", "unsynced", "-bob@9", "synced"]);
    assert.deepEqual(state.askings, [["bob"]]);
  });

  test("after a cut tells what changed in the meantime, also who vanished, and nothing else", async () => {
    const { clock, told, state } = watching(
      "everyone",
      [
        [snapshot("+alice@1", "+bob@2", "+carol@3"), complete],
        [snapshot("+alice@1", "+dora@6"), snapshot("+carol@5"), complete, updates("-alice@9")],
      ],
      (userId) => `-${userId}@4`,
    );
    await clock.advance(5_000);
    assert.deepEqual(told.slice(4), ["unsynced", "+dora@6", "-bob@4", "synced", "-alice@9"]);
    assert.deepEqual(state.askings, [["bob"]]);
  });

  test("a store that started anew is believed, though its versions are lower", async () => {
    const scripts = [
      [snapshot("+alice@1000", "+bob@1001"), complete],
      [snapshot("+alice@3"), complete],
    ];
    const { clock, told } = watching("everyone", scripts, (userId) => `-${userId}@0`);
    await clock.advance(5_000);
    assert.deepEqual(told, ["+alice@1000", "+bob@1001", "synced", "unsynced", "-bob@0", "synced"]);
  });

  test("a reset is followed by its snapshot, of which only differences are told", async () => {
    const { clock, told } = watching(
      "everyone",
      [[snapshot("+alice@1", "+bob@2"), complete, reset, snapshot("+bob@2", "+carol@5"), complete]],
      (userId) => `-${userId}@4`,
    );
    await clock.advance(0);
    assert.deepEqual(told, ["+alice@1", "+bob@2", "synced", "unsynced", "+carol@5", "-alice@4", "synced"]);
  });

  test("a store that recovers is not believed to know who is offline, until it has recovered (P5)", async () => {
    const { clock, told, state } = watching(
      "everyone",
      [
        [snapshot("+alice@1", "+bob@2"), complete],
        [snapshot("+alice@1"), complete],
      ],
      (userId) => `-${userId}@9`,
    );
    state.recovering = true;
    await clock.advance(10_000);
    assert.deepEqual(told, ["+alice@1", "+bob@2", "synced", "unsynced", "recovering"]);
    assert.ok(state.askings.length >= 3);
    state.recovering = false;
    await clock.advance(2_000);
    assert.deepEqual(told.slice(5), ["-bob@9", "synced"]);
  });

  test("of whom nothing is known it tells nothing, keeps what it told, and asks ever more rarely (P5)", async () => {
    const { clock, told, state } = watching(
      "everyone",
      [
        [snapshot("+alice@1", "+bob@2", "?carol@0"), complete],
        [snapshot("?alice@0"), complete, updates("-alice@7")],
      ],
      (userId) => `?${userId}@0`,
    );
    await clock.advance(20_000);
    assert.deepEqual(told, ["+alice@1", "+bob@2", "synced", "unsynced", "synced", "-alice@7"]);
    assert.deepEqual(state.askings, [["bob"], ["bob"], ["bob"], ["bob"]], "after 2 s, 4 s and 8 s");
    state.askings.length = 0;
    await clock.advance(600_000);
    assert.ok(state.askings.length >= 19 && state.askings.length <= 20, `asked ${state.askings.length} times in 600 s`);
    assert.deepEqual(told.slice(6), []);
  });

  test("who left while its shard did not answer is told once it does, though no event tells it (P5)", async () => {
    let isAway = true;
    const { clock, told, state } = watching(
      "everyone",
      [
        [snapshot("+alice@1", "+bob@2", "+cid@3"), complete],
        [snapshot("+cid@3"), complete],
      ],
      (userId) => (isAway && userId !== "alice" ? `?${userId}@0` : `-${userId}@9`),
    );
    await clock.advance(5_000);
    assert.deepEqual(told.slice(3), ["synced", "unsynced", "-alice@9", "synced"]);
    isAway = false;
    await clock.advance(4_000);
    assert.deepEqual(told.slice(7), ["-bob@9"]);
    const { length } = state.askings;
    await clock.advance(60_000);
    assert.equal(state.askings.length, length, "nobody is in doubt any more");
  });

  test("a store that fails while it is asked for those of whom nothing is known ends no stream", async () => {
    let answer = (userId: string) => `?${userId}@0`;
    const { clock, told, state } = watching("everyone", [[snapshot("+alice@1"), complete], [complete]], (userId) =>
      answer(userId),
    );
    await clock.advance(1_500);
    assert.deepEqual(told, ["+alice@1", "synced", "unsynced", "synced"]);
    answer = () => {
      throw new PresenceClientError("UNAVAILABLE", "away");
    };
    await clock.advance(10_000);
    answer = (userId) => `-${userId}@9`;
    await clock.advance(20_000);
    assert.deepEqual(told.slice(4), ["-alice@9"]);
    assert.equal(state.opened, 2);
  });

  test("of many of whom nothing is known a page is asked for at a time, and none for ever", async () => {
    const users = Array.from({ length: 2_500 }, (_, user) => `+u${user}@1`);
    let isAway = true;
    const { clock, told, state } = watching("everyone", [[snapshot(...users), complete], [complete]], (userId) =>
      isAway ? `?${userId}@0` : `-${userId}@9`,
    );
    await clock.advance(1_500);
    state.askings.length = 0;
    await clock.advance(30_000);
    assert.ok(state.askings.length >= 3 && state.askings.length <= 4, `${state.askings.length} calls in 30 s`);
    assert.equal(new Set(state.askings.slice(0, 3).flat()).size, 2_500, "each page had its turn");
    isAway = false;
    await clock.advance(30_000);
    assert.equal(told.filter((one) => one.startsWith("-")).length, 2_500);
  });

  test("a store that recovers is asked no more often because it tells much", async () => {
    const changes = Array.from({ length: 1_000 }, (_, version) => updates(`+carol@${version + 1}`));
    const { clock, state } = watching("everyone", [
      [snapshot("+alice@1"), complete],
      [complete, ...changes],
    ]);
    state.recovering = true;
    await clock.advance(10_000);
    assert.ok(state.askings.length >= 3 && state.askings.length <= 6, `asked ${state.askings.length} times in 10 s`);
  });

  test("who comes back while the store recovers was never away", async () => {
    const { clock, told, state } = watching("everyone", [
      [snapshot("+alice@1"), complete],
      [complete, updates("+alice@7")],
    ]);
    state.recovering = true;
    await clock.advance(10_000);
    assert.deepEqual(told, ["+alice@1", "synced", "unsynced", "recovering", "synced"]);
  });

  test("while the stream says that the store recovers, nobody is told to be offline who is absent (P8)", async () => {
    const script = [
      ...[snapshot("+alice@1", "+bob@2", "+cid@3"), complete, recovering, updates("+dora@101", "+alice@102")],
      ...[reset, snapshot("+alice@102", "+dora@101", "+cid@103"), complete],
    ];
    const { clock, told, state } = watching("everyone", [script], (userId) => `-${userId}@200`);
    await clock.advance(0);
    const first = ["+alice@1", "+bob@2", "+cid@3", "synced"];
    assert.deepEqual(told, [...first, "recovering", "+dora@101", "unsynced", "-bob@200", "synced"]);
    assert.deepEqual(state.askings, [["bob"]]);
  });

  test("of data that are lost while the store recovers it is told at once", async () => {
    const { clock, told } = watching("everyone", [
      [snapshot("+alice@1"), complete, recovering, updates("+bob@101"), recovering, { ...complete, recovering: true }],
    ]);
    await clock.advance(0);
    assert.deepEqual(told, ["+alice@1", "synced", "recovering", "+bob@101", "recovering"]);
  });

  test("a stream that begins while the store recovers waits for the reset, and asks nobody meanwhile (P6)", async () => {
    const scripts = [
      [snapshot("+alice@1", "+bob@2"), complete],
      [{ ...snapshot("+alice@1"), recovering: true }, complete, updates("+cid@101")],
    ];
    const { clock, told, state } = watching("everyone", scripts);
    await clock.advance(60_000);
    assert.deepEqual(told.slice(3), ["unsynced", "recovering", "+cid@101"]);
    assert.deepEqual(state.askings, []);
  });

  test("whom a store brings back that lost the end of its session stays offline (P8)", async () => {
    const scripts = [
      [snapshot("+alice@1"), complete, updates("-alice@5")],
      [{ ...snapshot("+alice@1"), recovering: true }, complete, updates("+alice@101")],
    ];
    const { clock, told } = watching("everyone", scripts);
    await clock.advance(10_000);
    assert.deepEqual(told, ["+alice@1", "synced", "-alice@5", "unsynced", "recovering", "+alice@101"]);
  });

  test("of many absent users one page is asked for at a time while the store recovers, and no page for ever (P6)", async () => {
    const users = Array.from({ length: 2_500 }, (_, user) => `+u${user}@1`);
    const scripts = [[snapshot(...users), complete], [complete]];
    const { clock, told, state } = watching("everyone", scripts, (userId) => `-${userId}@9`);
    state.recovering = true;
    await clock.advance(12_000);
    assert.ok(state.askings.length >= 4 && state.askings.length <= 7, `${state.askings.length} calls in 12 s`);
    const asked = new Set(state.askings.slice(0, 3).flat());
    assert.equal(asked.size, 2_500, "each page had its turn");
    state.recovering = false;
    await clock.advance(2_000);
    assert.equal(told.filter((one) => one.startsWith("-")).length, 2_500);
    assert.equal(told.at(-1), "synced");
  });

  test("an old message from a node that lags turns nobody green who left", async () => {
    const { clock, told } = watching("everyone", [
      [snapshot("+alice@1"), complete, updates("-alice@10")],
      [complete, updates("+alice@9", "-alice@10")],
    ]);
    await clock.advance(5_000);
    assert.deepEqual(told, ["+alice@1", "synced", "-alice@10", "unsynced", "synced"]);
  });
});

describe("watching some users", () => {
  test("tells each of them at first, online or not", async () => {
    const { clock, told } = watching(["alice", "bob"], [[snapshot("+alice@1", "-bob@0"), complete, updates("+bob@5")]]);
    await clock.advance(0);
    assert.deepEqual(told, ["+alice@1", "-bob@0", "synced", "+bob@5"]);
  });

  test("who is offline to a store that recovers is told when it has recovered, or is back", async () => {
    const last = ["unsynced", "-bob@102", "synced"];
    const { clock, told, state } = watching(
      ["alice", "bob"],
      [
        [snapshot("-alice@1", "+bob@2"), complete],
        [message({ snapshot: views("-alice@90", "-bob@90"), recovering: true }), complete, updates("+alice@101")],
        [snapshot("+alice@101", "-bob@102"), complete],
      ],
    );
    await clock.advance(10_000);
    assert.deepEqual(told, ["-alice@1", "+bob@2", "synced", "unsynced", "recovering", "+alice@101", ...last]);
    assert.deepEqual(state.askings, []);
  });
});

describe("a watch", () => {
  test("that is cut again and again keeps trying, within 5 s (P6)", async () => {
    const failing = Array.from({ length: 50 }, (): Step[] => [new PresenceClientError("UNAVAILABLE", "away")]);
    const { clock, told, state } = watching("everyone", [...failing, [complete]]);
    await clock.advance(60_000);
    assert.ok(state.opened >= 12, `${state.opened} attempts in a minute`);
    await clock.advance(200_000);
    assert.deepEqual(told, ["synced"]);
  });

  test("that presence will never answer says so instead of trying for ever", async () => {
    const refusal = new PresenceClientError("PERMISSION_DENIED", "no");
    const { ended } = watching("everyone", [[refusal]]);
    await assert.rejects(ended, refusal);
  });

  test("whom presence has served before is served again, though it was refused meanwhile: its token was replaced", async () => {
    const { clock, told, stop, ended } = watching("everyone", [
      [snapshot("+alice@1"), complete],
      [new PresenceClientError("UNAUTHENTICATED", "this token is not known here")],
      [new PresenceClientError("PERMISSION_DENIED", "no")],
      [snapshot("+alice@1", "+bob@2"), complete],
    ]);
    await clock.advance(20_000);
    assert.deepEqual(told, ["+alice@1", "synced", "unsynced", "+bob@2", "synced"]);
    stop.abort();
    await ended;
  });

  test("refuses what presence would refuse, by name", async () => {
    await assert.rejects(watching([], [[]]).ended, { code: "INVALID_ARGUMENT", message: /^users is empty/ });
    await assert.rejects(watching(["a", ""], [[]]).ended, { message: /^users\[1\] is empty/ });
    const many = Array.from({ length: 10_001 }, (_, user) => `u${user}`);
    await assert.rejects(watching(many, [[]]).ended, { message: /^users has 10001 entries, limit 10000/ });
  });

  test("counts what it told, what it may have missed and what broke", async () => {
    const { clock, state } = watching("everyone", [
      [snapshot("+alice@1", "+bob@2"), complete, updates("-bob@3")],
      [new PresenceClientError("UNAVAILABLE", "away")],
      [snapshot("+alice@1"), complete],
    ]);
    await clock.advance(10_000);
    assert.deepEqual(state.watched?.metrics(), { changes: 3, gaps: 1, failures: 2, usersRemembered: 2 });
  });

  test("ends when it is told to, also while presence is away", async () => {
    const open = watching("everyone", [[complete]]);
    await open.clock.advance(0);
    open.stop.abort();
    await open.ended;
    const cut = watching("everyone", [[], [complete]]);
    cut.stop.abort();
    await cut.ended;
    assert.deepEqual(cut.told, []);
    const disposed = watching("everyone", [[complete]]);
    await disposed.clock.advance(0);
    await disposed.state.watched?.[Symbol.asyncDispose]();
    await disposed.ended;
  });
});
