import assert from "node:assert/strict";
import { defaultRules, type Rules } from "../../../domain/rules.ts";
import { shardOf } from "../../../domain/shard.ts";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import type { Availability } from "../../../domain/status.ts";
import type { LossyHarness, StoreOptions } from "../../contract/store-harness.ts";
import type { LeaseResult, StatusResult } from "../../store.ts";
import type { LeaseAnswer } from "../model/leases.ts";
import { PresenceModel } from "../model/presence-model.ts";
import { isSame, type ModelToken } from "../model/sessions.ts";
import type { Command, Connection, Idle, Lease, Pick } from "./commands.ts";
import { Player, type Subject } from "./player.ts";

/**
 * Deadlines lie half a second beside the whole seconds that a run lets elapse, so a store on real time may be late by
 * less than that. All that is limited is limited tightly, so that short runs reach the limits.
 */
const rules: Rules = {
  ...defaultRules,
  ttlMs: 20_500,
  leaseTtlMs: 12_500,
  leasedTtlMs: 30_500,
  graceMs: 3_500,
  memoryMs: 45_500,
  deviceMaxTombstones: 3,
  userMaxDevices: 2,
  userMaxClaims: 2,
  minuteMaxClaims: 3,
  ageMinMs: 1_000,
};
/** The gateway that opens leases. */
const leaseInstance = "gateway-of-leases";
/** How long devices have not been in use, ms: not idle yet, and idle. */
const unusedMs = { used: 0, short: 30_000, long: 100_000 } as const;
/** Longer than all that a run lets elapse. */
const ageMs = 1_000 * 3_600_000;
/** How long ago a claim was said that was said earlier: likewise, but less than the longest that one lasts. */
const earlierMs = 500 * 3_600_000;
const capMs = tickCapMs(rules.ttlMs);

export const modelOptions: StoreOptions = { rules, retentionMs: 24 * 3_600_000, logMaxEntries: 100_000 };

/**
 * Plays one run of commands on the model and on stores: same answers, same transitions, same views; and the promises,
 * judged from outside.
 * @param runId makes the users of this run new to the stores
 * @throws AssertionError naming the store and the command
 * @throws HeldUp
 */
export async function playRun(
  commands: readonly Command[],
  subjects: readonly Subject[],
  runId: string,
): Promise<void> {
  const run = new ModelRun(await Promise.all(subjects.map((subject) => Player.enter(subject, rules))), runId);
  for (const command of commands) await run.play(command);
}

/** A session as the run knows it; its number is its place in the list, which is the same for every store. */
interface KnownSession {
  readonly userId: string;
  readonly deviceId: string;
  readonly token: ModelToken;
}

/** What was claimed of a user, and when by the model; and by each store, as of then. */
interface Saying {
  readonly userId: string;
  readonly claim: { readonly claimId: string; readonly availability: Availability; readonly text: string };
  readonly saidMs: number;
  readonly setAt: ReadonlyMap<Player, { readonly ms: number; readonly agedMs: number }>;
}

interface RegisterCall {
  readonly userId: string;
  readonly deviceId: string;
  readonly instanceId: string;
  readonly connectionId: string;
  /** Number of a session, -1: none. */
  readonly previous: number;
  readonly ages: number;
  /** Empty: none. */
  readonly leaseId: string;
  readonly idle: Idle;
}

class ModelRun {
  readonly #players: readonly Player[];
  readonly #userIds: readonly string[];
  readonly #model = new PresenceModel(rules);
  readonly #sessions: KnownSession[] = [];
  readonly #calls: RegisterCall[] = [];
  readonly #sayings: Saying[] = [];
  #connections = 0;
  /** After a loss of which nobody has heard yet. */
  #isUnread = false;

  constructor(players: readonly Player[], runId: string) {
    this.#players = players;
    this.#userIds = usersOfOneShard(runId, players);
  }

  async play(command: Command): Promise<void> {
    const told = this.#model.transitions.length;
    // Two calls in the same millisecond would leave the order of their deadlines open.
    if (!this.#isUnread || !isCall(command)) await this.#elapse(2);
    this.#isUnread = false;
    switch (command.kind) {
      case "register":
        await this.#register(command, this.#newCall(command));
        break;
      case "repeat": {
        const call = this.#calls.at(-1 - command.pick);
        if (call !== undefined) await this.#register(command, call);
        break;
      }
      case "unregister":
        await this.#unregister(command);
        break;
      case "refresh":
        await this.#refresh(command);
        break;
      case "activity":
        await this.#activity(command);
        break;
      case "claim":
        await this.#claim(command);
        break;
      case "sayAgain":
        await this.#sayAgain(command);
        break;
      case "unclaim":
        await this.#unclaim(command);
        break;
      case "close":
        await this.#close(command);
        break;
      case "openLease":
      case "keepLease":
      case "closeLease":
        await this.#lease(command);
        // Nodes hear of it by a tick.
        await this.#elapse(2);
        break;
      case "elapse":
        await this.#elapse(command.ms);
        break;
      case "freeze":
        for (const { harness } of this.#players) await harness.freeze(command.ms);
        this.#model.freeze(command.ms - capMs);
        // Whatever the time that nobody listened to, the next tick counts its cap.
        await this.#elapse(2, capMs);
        break;
      case "stepBack":
        for (const { harness } of this.#players) await harness.stepBack(command.ms);
        break;
      case "copy":
        this.#model.copy();
        for (const player of this.#players) await player.lossy.copy();
        break;
      case "flush":
        this.#model.flush();
        await this.#lose((harness) => harness.flush());
        this.#isUnread = command.isUnread;
        break;
      case "setBack":
        // What no version tells, the replication id does: as if another server answered.
        if (command.by === "the same server" && !this.#model.isAheadOfCopy) break;
        this.#model.setBack();
        await this.#lose((harness) => harness.setBack(command.by));
        await this.#elapse(0);
        break;
      case "failOver":
        this.#model.failOver();
        await this.#lose((harness) => harness.failOver());
        break;
      case "late":
        await this.#late(command);
        break;
    }
    if (this.#isUnread) return;
    const transitions = this.#model.transitions.slice(told);
    await this.#judge(command, (player) => player.compare(this.#userIds, this.#model, transitions));
  }

  #newCall(command: Command & { kind: "register" }): RegisterCall {
    const { userId, deviceId } = this.#device(command);
    const instanceId = `gateway-${command.gateway}`;
    const connectionId = this.#connection(command.connection, userId, deviceId);
    const previous = this.#pick(command.previous, userId, deviceId);
    const leaseId = connectionId === "" ? "" : this.#leaseOf(command);
    const { ages, idle } = command;
    const call = { userId, deviceId, instanceId, connectionId, previous, ages, leaseId, idle };
    this.#calls.push(call);
    return call;
  }

  async #register(command: Command, { previous, ages, idle, ...call }: RegisterCall): Promise<void> {
    const { userId, deviceId } = call;
    const activity = idle === "unsaid" ? undefined : { idle, sequence: 0 };
    const expected = this.#model.register({ ...call, previous: this.#sessions[previous]?.token, ages, activity });
    const { token } = expected;
    const known = token === undefined ? -1 : this.#numberOf({ userId, deviceId, token });
    await this.#judge(command, async (player) => {
      const previousSessionId = player.sessionIds[previous] ?? "";
      const idleSinceMs = idle === "unsaid" ? undefined : (await player.harness.wallMs()) - unusedMs[idle];
      const registration = { ...call, previousSessionId, ageMs: ages * ageMs, idleSinceMs };
      const result = await player.harness.store.register(registration);
      assert.equal(result.kind, expected.kind);
      player.checker.registered(registration, result, this.#model.nowMs);
      if (result.kind !== "registered" && result.kind !== "repeated") return;
      if (known !== -1) assert.equal(result.sessionId, player.sessionIds[known], "the session_id it had");
      else player.sessionIds[this.#sessions.length] = result.sessionId;
    });
    if (token !== undefined && known === -1) this.#sessions.push({ userId, deviceId, token });
  }

  async #unregister(command: Command & { kind: "unregister" }): Promise<void> {
    const { userId, deviceId } = this.#device(command);
    const { reason } = command;
    const picked = this.#pick(command.session, userId, deviceId);
    const expected = this.#model.unregister({ userId, deviceId, token: this.#sessions[picked]?.token, reason });
    await this.#judge(command, async (player) => {
      const call = { userId, deviceId, sessionId: player.sessionIds[picked] ?? "", reason };
      const { kind } = await player.harness.store.unregister(call);
      assert.equal(kind, expected);
      player.checker.unregistered(call, kind, this.#model.nowMs);
    });
  }

  async #activity(command: Command & { kind: "activity" }): Promise<void> {
    const { userId, deviceId } = this.#device(command);
    const picked = this.#pick(command.session, userId, deviceId);
    const token = this.#sessions[picked]?.token;
    const { sequence } = command;
    const idle = command.idle === "unsaid" ? "used" : command.idle;
    if (token === undefined) return;
    const expected = this.#model.activity({ userId, deviceId, token, activity: { idle, sequence } });
    await this.#judge(command, async (player) => {
      const { store } = player.harness;
      const call = { userId, deviceId, sessionId: player.sessionIds[picked] ?? "", leaseId: "" };
      const idleSinceMs = idle === "used" ? 0 : (await player.harness.wallMs()) - unusedMs[idle];
      const { kind } = await store.setActivity(call, { sequence, idleSinceMs });
      assert.equal(kind, expected);
      player.checker.refreshed(call, kind, this.#model.nowMs);
    });
  }

  async #claim(command: Command & { kind: "claim" }): Promise<void> {
    const { availability, text, forMs, isEarlier } = command;
    const { userId, claimId } = this.#claimNamed(command);
    const claim = { claimId, availability, text };
    const saidMs = isEarlier ? this.#model.dayMs - earlierMs : undefined;
    const expected = this.#model.claim({ userId, ...claim, forMs, saidMs });
    const setAt = new Map<Player, { ms: number; agedMs: number }>();
    await this.#judge(command, async (player) => {
      const { store, agedMs } = player.harness;
      const nowMs = await player.harness.wallMs();
      const expiresAtMs = forMs === 0 ? undefined : nowMs + forMs;
      const said = { ...claim, emoji: "", expiresAtMs, setAtMs: isEarlier ? nowMs - earlierMs : undefined };
      await asExpected(store.setStatus(userId, said), expected);
      const stored = (await store.claimsOf(userId)).claims.find((claim) => claim.claimId === claimId);
      setAt.set(player, { ms: stored?.setAtMs ?? 0, agedMs });
    });
    if (expected !== "done" || isEarlier) return;
    this.#sayings.push({ userId, claim, saidMs: this.#model.saidMs(userId, claimId), setAt });
  }

  /** As whoever made a claim does after a loss. */
  async #sayAgain(command: Command & { kind: "sayAgain" }): Promise<void> {
    const saying = this.#sayings.filter(({ userId }) => userId === this.#userIds[command.user]).at(-1 - command.pick);
    if (saying === undefined) return;
    const { userId, claim, saidMs, setAt } = saying;
    const expected = this.#model.claim({ userId, ...claim, forMs: 0, saidMs });
    await this.#judge(command, async (player) => {
      const { ms, agedMs } = setAt.get(player) as { ms: number; agedMs: number };
      const setAtMs = ms - (player.harness.agedMs - agedMs);
      const said = { ...claim, emoji: "", expiresAtMs: undefined, setAtMs };
      await asExpected(player.harness.store.setStatus(userId, said), expected);
    });
  }

  async #unclaim(command: Command & { kind: "unclaim" }): Promise<void> {
    const { userId, claimId } = this.#claimNamed(command);
    const { isEarlier } = command;
    const saidMs = isEarlier ? this.#model.dayMs - earlierMs : undefined;
    const expected = this.#model.unclaim({ userId, claimId, saidMs });
    await this.#judge(command, async ({ harness }) => {
      const setAtMs = isEarlier ? (await harness.wallMs()) - earlierMs : undefined;
      await asExpected(harness.store.clearStatus(userId, claimId, setAtMs), expected);
    });
  }

  #claimNamed({ user, claim }: { user: number; claim: number }): { userId: string; claimId: string } {
    return { userId: this.#userIds[user] as string, claimId: claim === 0 ? "self" : `claim-${claim}` };
  }

  async #close(command: Command & { kind: "close" }): Promise<void> {
    const { userId, deviceId } = this.#device(command);
    const { what, blockMs } = command;
    const picked = what === "session" ? this.#pick(command.session, userId, deviceId) : -1;
    const block = blockMs === 0 ? undefined : blockMs;
    const itsDevice = what === "user" ? undefined : deviceId;
    const token = this.#sessions[picked]?.token;
    const expected = this.#model.close({ userId, deviceId: itsDevice, token, blockMs: block });
    await this.#judge(command, async (player) => {
      const sessionId = player.sessionIds[picked] ?? "";
      const call = { userId, deviceId: itsDevice ?? "", sessionId, reason: "closed", blockMs: block };
      const result = await player.harness.store.closeSessions(call);
      assert(result.kind === "closed", result.kind);
      assert.deepEqual(
        result.sessions.map(({ deviceId }) => deviceId),
        expected.map(({ deviceId }) => deviceId),
      );
      player.checker.closed(call, result.sessions, this.#model.nowMs);
    });
  }

  /** Nothing happens, and so the model hears nothing of it. */
  async #late(command: Command & { kind: "late" }): Promise<void> {
    const send = this.#lateCall(command.call);
    await this.#judge(command, (player) =>
      assert.rejects(
        player.lossy.late(() => send(player)),
        { code: "UNAVAILABLE" },
      ),
    );
  }

  #lateCall(call: (Command & { kind: "late" })["call"]): (player: Player) => Promise<unknown> {
    if (call.kind === "openLease") {
      return ({ harness }) => harness.store.openLease(this.#leaseOf(call), leaseInstance);
    }
    const { userId, deviceId } = this.#device(call);
    const isRegister = call.kind === "register";
    const picked = this.#pick(isRegister ? call.previous : call.session, userId, deviceId);
    const connectionId = isRegister ? this.#connection(call.connection, userId, deviceId) : "";
    return ({ harness: { store }, sessionIds }) => {
      const sessionId = sessionIds[picked] ?? "";
      return isRegister
        ? store.register({
            ...{ userId, deviceId, instanceId: `gateway-${call.gateway}`, connectionId },
            ...{ previousSessionId: sessionId, ageMs: call.ages * ageMs },
          })
        : store.unregister({ userId, deviceId, sessionId, reason: call.reason });
    };
  }

  async #refresh(command: Command & { kind: "refresh" }): Promise<void> {
    const { userId, deviceId } = this.#device(command);
    const picked = this.#pick(command.session, userId, deviceId);
    const token = this.#sessions[picked]?.token;
    const leaseId = token === undefined || token.connectionId === "" ? "" : this.#leaseOf(command);
    const expected = this.#model.refresh({ userId, deviceId, token, leaseId });
    await this.#judge(command, async (player) => {
      const call = { userId, deviceId, sessionId: player.sessionIds[picked] ?? "", leaseId };
      const kind = await player.refresh(call);
      assert.equal(kind, expected);
      player.checker.refreshed(call, kind, this.#model.nowMs);
    });
  }

  async #lease(command: Command & { kind: "openLease" | "keepLease" | "closeLease" }): Promise<void> {
    const leaseId = this.#leaseOf(command);
    if (command.kind === "closeLease") {
      this.#model.closeLease(leaseId, command.reason);
      await this.#judge(command, async ({ harness, checker }) => {
        await harness.store.closeLease(leaseId, command.reason);
        checker.leaseClosed(leaseId, this.#model.nowMs);
      });
      return;
    }
    const expected =
      command.kind === "openLease" ? this.#model.openLease(leaseId, leaseInstance) : this.#model.keepLease(leaseId);
    await this.#judge(command, async ({ harness, checker }) => {
      const { store } = harness;
      const result = await (command.kind === "openLease"
        ? store.openLease(leaseId, leaseInstance)
        : store.keepLease(leaseId));
      assert.equal(leaseAnswer(result), expected);
      if (expected === "open") checker.leaseKept(leaseId, this.#model.nowMs);
    });
  }

  #leaseOf({ lease }: { lease: Lease }): string {
    return lease === "none" ? "" : `${this.#userIds[0]}-lease-${lease}`;
  }

  async #lose(lose: (harness: LossyHarness) => Promise<void>): Promise<void> {
    for (const player of this.#players) {
      await lose(player.lossy);
      player.lost(this.#model.nowMs);
    }
  }

  /** @param unheardMs what the clocks catch up on, having been frozen */
  async #elapse(ms: number, unheardMs = 0): Promise<void> {
    this.#model.tick(unheardMs);
    for (let leftMs = ms; leftMs > 0; leftMs -= capMs) this.#model.tick(Math.min(leftMs, capMs));
    for (const { harness } of this.#players) await harness.elapse(ms);
  }

  /** Lets every store answer, and says which one failed at what. */
  async #judge(command: Command, judge: (player: Player) => Promise<void>): Promise<void> {
    for (const player of this.#players) {
      try {
        await judge(player);
      } catch (error) {
        await player.checkPunctual(this.#model.nowMs);
        throw new Error(`${player.name}: ${JSON.stringify(command)}`, { cause: error });
      }
    }
  }

  #device({ user, device }: { user: number; device: number }): { userId: string; deviceId: string } {
    return { userId: this.#userIds[user] as string, deviceId: `device-${device}` };
  }

  #connection(connection: Connection, userId: string, deviceId: string): string {
    if (connection === "none") return "";
    const session = connection === "new" ? undefined : this.#sessions[this.#pick(connection, userId, deviceId)];
    this.#connections += 1;
    return session?.token.connectionId ?? `c${this.#connections}`;
  }

  /** @returns number of a session of this device; -1 for none */
  #pick(pick: Pick, userId: string, deviceId: string): number {
    if (pick === "none") return -1;
    const numbers = [...this.#sessions.keys()].filter((number) => {
      const session = this.#sessions[number];
      return session?.userId === userId && session.deviceId === deviceId;
    });
    return numbers.at(-1 - (pick.pick % Math.max(1, numbers.length))) ?? -1;
  }

  #numberOf(wanted: KnownSession): number {
    return this.#sessions.findIndex(
      ({ userId, deviceId, token }) =>
        userId === wanted.userId && deviceId === wanted.deviceId && isSame(token, wanted.token),
    );
  }
}

async function asExpected(result: Promise<StatusResult>, expected: StatusResult["kind"] | "recovering"): Promise<void> {
  if (expected === "recovering") await assert.rejects(result, { code: "UNAVAILABLE" });
  else assert.equal((await result).kind, expected);
}

function leaseAnswer(result: LeaseResult): LeaseAnswer {
  assert.notEqual(result.kind, "unsupported");
  if (result.kind === "closed") return "closed";
  return result.kind === "kept" && result.missing ? "missing" : "open";
}

function isCall({ kind }: Command): boolean {
  return (
    kind === "register" ||
    kind === "repeat" ||
    kind === "unregister" ||
    kind === "refresh" ||
    kind === "close" ||
    isOfStatus(kind)
  );
}

function isOfStatus(kind: Command["kind"]): boolean {
  return kind === "activity" || kind === "claim" || kind === "sayAgain" || kind === "unclaim";
}

/** Two users whose shard loses data at one moment. */
function usersOfOneShard(runId: string, players: readonly Player[]): readonly string[] {
  const userIds: string[] = [];
  const shards = players.map(({ harness }) => harness.store.shardCount);
  for (let index = 0; userIds.length < 2; index++) {
    const userId = `${runId}-${index}`;
    if (shards.every((count) => shardOf(userId, count) === 0)) userIds.push(userId);
  }
  return userIds;
}
