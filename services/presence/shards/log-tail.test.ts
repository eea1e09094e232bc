import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { sampleTransition } from "../domain/transition.sample.ts";
import type { Transition } from "../domain/transition.ts";
import type { LogListener, TransitionLog } from "../store/store.ts";
import { LogTail } from "./log-tail.ts";

/** A log whose announcements can be lost and whose reads can be held up or refused. */
class ScriptedLog implements TransitionLog {
  entries: Transition[] = [];
  trimmedTo = 0;
  refuse = false;
  beforeRead: (() => void) | undefined;
  listener: LogListener | undefined;

  async lastVersion() {
    if (this.refuse) throw new Error("away");
    return this.entries.at(-1)?.version ?? this.trimmedTo;
  }

  async readLog(_shard: number, after: number, limit: number) {
    if (this.refuse) throw new Error("away");
    const entries = this.entries.filter(({ version }) => version > after).slice(0, limit);
    this.beforeRead?.();
    this.beforeRead = undefined;
    return { entries, gap: after < this.trimmedTo };
  }

  follow(_shard: number, listener: LogListener) {
    this.listener = listener;
    listener.interrupted();
    return () => {
      this.listener = undefined;
    };
  }

  // biome-ignore lint/correctness/useYield: the tail never scans
  async *scanOnline() {
    throw new Error("not part of tailing");
  }

  append(version: number, options: { announced: boolean }) {
    const transition = sampleTransition(version);
    this.entries.push(transition);
    if (options.announced) this.listener?.entry(transition);
  }

  trim(upTo: number) {
    this.trimmedTo = upTo;
    this.entries = this.entries.filter(({ version }) => version > upTo);
  }
}

describe("log tail", () => {
  let log: ScriptedLog;
  let told: number[];
  let gaps: number;
  let begins: number;
  let tail: LogTail;

  beforeEach(async () => {
    log = new ScriptedLog();
    log.append(10, { announced: false });
    told = [];
    gaps = 0;
    begins = 0;
    tail = new LogTail(log, 0, {
      entry: ({ version }) => told.push(version),
      begins: () => begins++,
      gap: () => gaps++,
      devicesChanged: () => {},
      leaseNotice: () => {},
      interrupted: () => {},
    });
    tail.start();
    await setImmediate();
  });

  test("starts at the end of the log, and says so: earlier entries are not delivered", () => {
    assert.equal(tail.position, 10);
    assert.deepEqual(told, []);
    assert.equal(begins, 1);
  });

  test("delivers announcements in order, each once", () => {
    log.append(11, { announced: true });
    log.append(12, { announced: true });
    log.listener?.entry(sampleTransition(12));
    assert.deepEqual(told, [11, 12]);
  });

  test("reads the entries that it missed while it was disconnected", async () => {
    log.append(11, { announced: false });
    log.append(12, { announced: false });
    log.listener?.interrupted();
    await setImmediate();
    assert.deepEqual(told, [11, 12]);
  });

  test("an announcement during a read is delivered after the entries of the read", async () => {
    log.append(11, { announced: false });
    log.beforeRead = () => log.append(12, { announced: true });
    log.listener?.interrupted();
    await setImmediate();
    assert.deepEqual(told, [11, 12]);
  });

  test("a version that a tick showed and that is not announced until the next tick is read", async () => {
    log.append(11, { announced: false });
    tail.onTick(11);
    await setImmediate();
    assert.deepEqual(told, [], "its announcement may still be on the way");
    tail.onTick(11);
    await setImmediate();
    assert.deepEqual(told, [11]);
  });

  test("after a failed read nothing is delivered out of order; the next tick repairs it", async () => {
    log.append(11, { announced: false });
    log.refuse = true;
    log.listener?.interrupted();
    await setImmediate();
    log.append(12, { announced: true });
    assert.deepEqual(told, [], "12 before 11 would be a hole");
    log.refuse = false;
    tail.onTick(12);
    await setImmediate();
    assert.deepEqual(told, [11, 12]);
  });

  test("entries trimmed away unread are reported as a gap", async () => {
    log.append(11, { announced: false });
    log.append(12, { announced: false });
    log.trim(11);
    log.listener?.interrupted();
    await setImmediate();
    assert.equal(gaps, 1);
    assert.deepEqual(told, [12]);
  });
});
