import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { isLive, type Known, type Lifecycle, next, opened, type SessionEvent, tokenOf } from "./session-lifecycle.ts";

const sent: SessionEvent = { kind: "sent" };
const registered: SessionEvent = { kind: "registered", token: "t1" };
const closed: SessionEvent = { kind: "closed" };
const released: SessionEvent = { kind: "released" };
const mustWait: SessionEvent = { kind: "must-wait" };
const replaced: SessionEvent = { kind: "replaced" };
const unregistered: SessionEvent = { kind: "unregistered" };
const failed = (why: "superseded" | "refused" | "unanswered" | "no-lease"): SessionEvent => ({
  kind: "registration-failed",
  why,
});
const succeeds = (known: Known): SessionEvent => ({ kind: "succeeds", known });

/** A life, an event a line: `event → state turn known: effects`. */
function life(...events: SessionEvent[]): string[] {
  let lifecycle = opened;
  return events.map((event) => {
    const step = next(lifecycle, event);
    lifecycle = step.lifecycle;
    return `${nameOf(event)} → ${show(lifecycle)}: ${step.effects.join(", ") || "-"}`;
  });
}

function show({ state, turn, known }: Lifecycle): string {
  const token = known.kind === "registered" ? known.token : `(${known.tokenBefore}${known.isUncertain ? "?" : ""})`;
  return `${state} ${turn} ${token}`;
}

function nameOf(event: SessionEvent): string {
  return "why" in event ? `${event.kind} ${event.why}` : event.kind;
}

const lives: Record<string, { events: SessionEvent[]; transcript: string[] }> = {
  "from its registration over a loss to its end": {
    events: [sent, registered, { kind: "missing" }, sent, { kind: "registered", token: "t2" }, closed, unregistered],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "missing → returning free t1: withdraw, tell",
      "sent → returning registering t1: -",
      "registered → online free t2: beat",
      "closed → closing free t2: withdraw, tell",
      "unregistered → closed free t2: withdraw",
    ],
  },
  "closed before presence heard of it": {
    events: [closed],
    transcript: ["closed → closed free (): withdraw"],
  },
  "closed while it is being registered: its end is told when its token is known": {
    events: [sent, closed, registered, unregistered],
    transcript: [
      "sent → registering registering (): -",
      "closed → closing registering (): withdraw",
      "registered → closing free t1: tell",
      "unregistered → closed free t1: withdraw",
    ],
  },
  "closed when it is not known whether presence has it: presence ends it by itself": {
    events: [sent, failed("unanswered"), closed],
    transcript: [
      "sent → registering registering (): -",
      "registration-failed unanswered → registering free (?): tell-again",
      "closed → closed free (?): withdraw, count-dropped",
    ],
  },
  "one that comes back keeps its token through a failure": {
    events: [sent, registered, { kind: "missing" }, sent, failed("unanswered"), closed],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "missing → returning free t1: withdraw, tell",
      "sent → returning registering t1: -",
      "registration-failed unanswered → returning free t1: tell-again",
      "closed → closing free t1: withdraw, tell",
    ],
  },
  "superseded elsewhere, as a heartbeat tells": {
    events: [sent, registered, { kind: "superseded" }, closed],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "superseded → superseded free t1: withdraw, find-successor",
      "closed → superseded free t1: -",
    ],
  },
  "superseded elsewhere after it was closed: there is nothing to tell any more": {
    events: [sent, registered, closed, { kind: "superseded" }, unregistered],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "closed → closing free t1: withdraw, tell",
      "superseded → superseded free t1: withdraw",
      "unregistered → superseded free t1: -",
    ],
  },
  "its lease is not open: it is told at once, and what is known stays": {
    events: [sent, failed("unanswered"), sent, failed("no-lease"), sent, closed, failed("no-lease")],
    transcript: [
      "sent → registering registering (): -",
      "registration-failed unanswered → registering free (?): tell-again",
      "sent → registering registering (?): -",
      "registration-failed no-lease → registering free (?): tell",
      "sent → registering registering (?): -",
      "closed → closing registering (?): withdraw",
      "registration-failed no-lease → closed free (?): withdraw, count-dropped",
    ],
  },
  "closed by an operator": {
    events: [sent, registered, { kind: "forced" }, { kind: "superseded" }, closed],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "forced → forced free t1: withdraw",
      "superseded → forced free t1: -",
      "closed → forced free t1: -",
    ],
  },
  refused: {
    events: [sent, failed("refused")],
    transcript: ["sent → registering registering (): -", "registration-failed refused → refused free (): withdraw"],
  },
  "queued behind the session before, which presence has by then": {
    events: [mustWait, released, succeeds({ kind: "registered", token: "t0" }), closed, unregistered],
    transcript: [
      "must-wait → registering queued (): -",
      "released → registering free (): tell",
      "succeeds → registering free (t0): -",
      "closed → closing free (t0): withdraw, tell",
      "unregistered → closed free (t0): withdraw",
    ],
  },
  "closed and replaced while it was queued: the newest tells presence": {
    events: [mustWait, closed, replaced, released],
    transcript: [
      "must-wait → registering queued (): -",
      "closed → closing queued (): withdraw",
      "replaced → closed free (): withdraw",
      "released → closed free (): -",
    ],
  },
  "replaced here while it is being registered: its answer changes nothing any more": {
    events: [sent, replaced, registered],
    transcript: [
      "sent → registering registering (): -",
      "replaced → superseded registering (): withdraw",
      "registered → superseded free t1: -",
    ],
  },
  "its end is refused, or dropped": {
    events: [sent, registered, closed, { kind: "unregistration-failed", why: "unanswered" }, { kind: "dropped" }],
    transcript: [
      "sent → registering registering (): -",
      "registered → online free t1: beat",
      "closed → closing free t1: withdraw, tell",
      "unregistration-failed unanswered → closing free t1: tell-again",
      "dropped → closed free t1: withdraw, count-dropped",
    ],
  },
};

for (const [name, { events, transcript }] of Object.entries(lives)) {
  test(`the life of a session: ${name}`, () => assert.deepEqual(life(...events), transcript));
}

const known = fc.oneof(
  fc.constant<Known>({ kind: "registered", token: "t0" }),
  fc.record({
    kind: fc.constant("unregistered" as const),
    tokenBefore: fc.constantFrom("", "t-1"),
    isUncertain: fc.boolean(),
  }),
);
const event: fc.Arbitrary<SessionEvent> = fc.oneof(
  fc.constantFrom<SessionEvent>(
    ...[sent, registered, closed, released, mustWait, replaced, unregistered],
    ...[failed("superseded"), failed("refused"), failed("unanswered"), failed("no-lease")],
    ...([{ kind: "missing" }, { kind: "superseded" }, { kind: "forced" }, { kind: "dropped" }] as const),
    ...([
      { kind: "unregistration-failed", why: "refused" },
      { kind: "unregistration-failed", why: "unanswered" },
    ] as const),
  ),
  known.map(succeeds),
);

test("whatever happens, what is over stays over, and whoever closes with a token tells presence or is counted", () => {
  const check = (events: readonly SessionEvent[]) => {
    let lifecycle = opened;
    for (const each of events) {
      const { lifecycle: after, effects } = next(lifecycle, each);
      const wasOver = !isLive(lifecycle) && lifecycle.state !== "closing";
      if (wasOver) {
        assert.equal(after.state, lifecycle.state);
        assert.deepEqual(effects, []);
      }
      if (effects.includes("beat")) assert.equal(after.state, "online");
      if (after.state === "online") assert.equal(after.known.kind, "registered");
      const isOwed = lifecycle.state === "closing" && lifecycle.turn === "free" && tokenOf(lifecycle.known) !== "";
      const endsUntold = isOwed && after.state === "closed" && each.kind !== "unregistered" && each.kind !== "replaced";
      if (endsUntold && each.kind !== "registration-failed") assert.ok(effects.includes("count-dropped"), nameOf(each));
      lifecycle = after;
    }
  };
  fc.assert(fc.property(fc.array(event, { maxLength: 12 }), check), { seed: seed(), numRuns: 2_000 });
});
