import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { type Attention, attendedMs, attentionWith, decideNotify, withoutAttention } from "./attention.ts";

const nowMs = 1_790_000_000_000;
const graceMs = 5_000;
const used = { sequence: 0, idleSinceMs: 0 };
const idleFor = (ms: number) => ({ sequence: 0, idleSinceMs: nowMs - ms });

test("whoever attends somewhere is not notified, nor who asked for peace", () => {
  const active = attentionWith(undefined, used, true);
  assert.deepEqual(decideNotify(active, nowMs, graceMs), { decision: "NOT", reason: "active" });
  assert.equal(decideNotify(attentionWith(active, idleFor(attendedMs * 2), true), nowMs, graceMs).decision, "NOT");
  const peace = withoutAttention(true);
  assert.deepEqual(decideNotify(peace, nowMs, graceMs), { decision: "NOT", reason: "do-not-disturb" });
});

test("whoever attended a moment ago is notified later, and says when to ask again", () => {
  const left = attentionWith(undefined, idleFor(70_000), true);
  assert.deepEqual(decideNotify(left, nowMs, graceMs), { decision: "LATER", reason: "attended", afterMs: 50_000 });
  const lost = attentionWith(undefined, used, false);
  assert.deepEqual(decideNotify(lost, nowMs, graceMs), { decision: "LATER", reason: "attended", afterMs: graceMs });
  const ahead = attentionWith(undefined, idleFor(-3_600_000), true);
  assert.deepEqual(decideNotify(ahead, nowMs, graceMs), { decision: "LATER", reason: "attended", afterMs: attendedMs });
});

test("nobody attends who is away for long, or of whom nothing was said", () => {
  assert.deepEqual(decideNotify(undefined, nowMs, graceMs), { decision: "NOW", reason: "absent" });
  const away = attentionWith(undefined, idleFor(attendedMs), true);
  assert.deepEqual(decideNotify(away, nowMs, graceMs), { decision: "NOW", reason: "idle" });
});

test("never is somebody not notified who attends nowhere and did not ask for peace", () => {
  const session = fc.record({ idleMs: fc.nat(2 * attendedMs), isIdle: fc.boolean(), isConnected: fc.boolean() });
  const property = fc.property(fc.array(session), fc.boolean(), (sessions, isDoNotDisturb) => {
    let attention: Attention | undefined = isDoNotDisturb ? withoutAttention(true) : undefined;
    for (const { idleMs, isIdle, isConnected } of sessions) {
      attention = attentionWith(attention, isIdle ? idleFor(idleMs + 1) : used, isConnected);
    }
    const attends = sessions.some(({ isIdle, isConnected }) => !isIdle && isConnected);
    const { decision } = decideNotify(attention, nowMs, graceMs);
    assert.equal(decision === "NOT", attends || isDoNotDisturb);
  });
  fc.assert(property, { seed: seed() });
});
