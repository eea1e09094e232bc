import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { defaultRules } from "../services/presence/domain/rules.ts";
import { createMemoryStore } from "../services/presence/store/memory/memory-store.ts";
import type { RefreshResult } from "../services/presence/store/store.ts";

/**
 * Heartbeats a second and resident memory of the memory store, beside the obvious way to write one: a Map of objects
 * that is scanned for expiry once a second. Each runs in a process of its own. Sessions are picked uniformly at random;
 * the clock runs so that each is refreshed every ten seconds on average, so some miss a whole TTL, expire and register
 * again: expiry is at work all the time.
 *
 *     node benchmarks/memory-store.ts --sessions 1000000
 */
const { values: flags } = parseArgs({
  options: {
    sessions: { type: "string", default: "1000000" },
    seconds: { type: "string", default: "90" },
    contender: { type: "string" },
  },
});
const sessions = Number(flags.sessions);
const simulatedMs = Number(flags.seconds) * 1000;

const { ttlMs } = defaultRules;
const batchHeartbeats = 10_000;
const meanHeartbeatMs = 10_000;
const batchMs = (batchHeartbeats / sessions) * meanHeartbeatMs;
const tickPeriodMs = 250;

/** What both sides do; a heartbeat names its session by all three ids, as they come from the wire. */
interface Contender {
  register(ids: Ids): Promise<string>;
  refresh(ids: Ids, sessionId: string): RefreshResult["kind"];
  tick(): Promise<void>;
}

interface Ids {
  readonly userId: string;
  readonly deviceId: string;
  readonly connectionId: string;
}

const contenders: Readonly<Record<string, (clock: FakeClock) => Promise<Contender>>> = {
  "typed columns": openColumns,
  "map of objects": async (clock) => new MapOfObjects(clock),
};

async function openColumns(clock: FakeClock): Promise<Contender> {
  const options = { rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 10_000, maxSessions: 2 * sessions };
  const store = createMemoryStore(options, clock);
  await store.open();
  let kind: RefreshResult["kind"] = "failed";
  const reply = (result: RefreshResult) => {
    kind = result.kind;
  };
  return {
    async register(ids) {
      const result = await store.register({ ...ids, instanceId: "gateway-1", previousSessionId: "" });
      if (result.kind !== "registered") throw new Error(`not registered: ${result.kind}`);
      return result.sessionId;
    },
    refresh({ userId, deviceId }, sessionId) {
      store.refresh({ userId, deviceId, sessionId }, reply, 0);
      return kind;
    },
    async tick() {
      while ((await store.tick(0, 100)).expired === 100);
    },
  };
}

/** The baseline. It knows no tombstones, no log and no grace, which only makes it faster. */
class MapOfObjects implements Contender {
  readonly #clock: FakeClock;
  readonly #users = new Map<string, { version: number; lastSeenMs: number; devices: Map<string, PlainSession> }>();
  #scannedAtMs = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async register({ userId, deviceId, connectionId }: Ids): Promise<string> {
    const order = this.#clock.nowUs();
    const sessionId = `${order}.${connectionId}`;
    const user = this.#users.get(userId) ?? { version: order, lastSeenMs: 0, devices: new Map() };
    const deadlineMs = this.#clock.monotonicMs() + ttlMs;
    user.devices.set(deviceId, { sessionId, order, connectionId, instanceId: "gateway-1", deadlineMs });
    this.#users.set(userId, user);
    return sessionId;
  }

  refresh({ userId, deviceId }: Ids, sessionId: string): RefreshResult["kind"] {
    const session = this.#users.get(userId)?.devices.get(deviceId);
    if (session?.sessionId !== sessionId) return "missing";
    session.deadlineMs = this.#clock.monotonicMs() + ttlMs;
    return "refreshed";
  }

  async tick(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#scannedAtMs < 1_000) return;
    this.#scannedAtMs = nowMs;
    for (const [userId, { devices }] of this.#users) {
      for (const [deviceId, { deadlineMs }] of devices) if (deadlineMs <= nowMs) devices.delete(deviceId);
      if (devices.size === 0) this.#users.delete(userId);
    }
  }
}

interface PlainSession {
  readonly sessionId: string;
  readonly order: number;
  readonly connectionId: string;
  readonly instanceId: string;
  deadlineMs: number;
}

interface Figures {
  readonly heartbeats: number;
  readonly heartbeatsPerSecond: number;
  readonly registersPerSecond: number;
  readonly expired: number;
  readonly rssBytesPerSession: number;
}

async function measure(open: (clock: FakeClock) => Promise<Contender>): Promise<Figures> {
  const clock = new FakeClock({ seed: 41 });
  const contender = await open(clock);
  // Ids are derived from the session's number, so that the benchmark itself only keeps the order within each session_id
  // and how often it registered.
  const orders = new Float64Array(sessions).fill(1);
  const generations = new Uint32Array(sessions).fill(1);
  const register = async (session: number) => {
    const sessionId = await contender.register(idsOf(session, generations[session] as number));
    orders[session] = Number(sessionId.slice(0, sessionId.indexOf(".")));
  };
  // The first half also fills V8's young generation, up to 128 MB that any busy process has; the second half is what
  // sessions cost.
  const fill = async (from: number, to: number) => {
    for (let session = from; session < to; session++) {
      await register(session);
      clock.freeze(ttlMs / 4 / sessions);
      if (session % 1_000 === 0) await contender.tick();
    }
    return settledRss();
  };
  const beforeRegister = cpuMs();
  const rssAtHalf = await fill(0, sessions / 2);
  const rssBytesPerSession = ((await fill(sessions / 2, sessions)) - rssAtHalf) / (sessions / 2);
  const registerMs = cpuMs() - beforeRegister;

  let heartbeats = 0;
  let expired = 0;
  let busyMs = 0;
  let sinceTickMs = 0;
  for (let passedMs = 0; passedMs < simulatedMs; passedMs += batchMs) {
    const batch = Array.from({ length: batchHeartbeats }, () => {
      const session = Math.floor(clock.random() * sessions);
      const ids = idsOf(session, generations[session] as number);
      return { session, ids, sessionId: asFromWire(`${orders[session]}.${ids.connectionId}`) };
    });
    const missing: number[] = [];
    clock.freeze(batchMs);
    sinceTickMs += batchMs;
    const before = cpuMs();
    for (const { session, ids, sessionId } of batch) {
      if (contender.refresh(ids, sessionId) === "missing") missing.push(session);
    }
    if (sinceTickMs >= tickPeriodMs) {
      await contender.tick();
      sinceTickMs = 0;
    }
    busyMs += cpuMs() - before;
    heartbeats += batchHeartbeats;
    for (const session of new Set(missing)) {
      expired += 1;
      generations[session] = (generations[session] as number) + 1;
      await register(session);
    }
  }
  return {
    heartbeats,
    heartbeatsPerSecond: heartbeats / (busyMs / 1000),
    registersPerSecond: sessions / (registerMs / 1000),
    expired,
    rssBytesPerSession,
  };
}

/** CPU time of this process, its collector's threads included: right also while others use the machine. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function idsOf(session: number, generation: number): Ids {
  return { userId: uuid(session, 1), deviceId: uuid(session, 2), connectionId: uuid(session, 2 + generation) };
}

const wire = Buffer.alloc(256);
const hexDigits = Buffer.from("0123456789abcdef", "latin1");
const dash = 0x2d;

/** A text like a UUID that follows from two numbers; one flat string, as a decoder makes it. */
function uuid(number: number, salt: number): string {
  let length = 0;
  for (let word = 1; word <= 4; word++) {
    let mixed = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b) ^ Math.imul(word, 0xc2b2ae35);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
    mixed ^= mixed >>> 15;
    for (let digit = 0; digit < 8; digit++, mixed >>>= 4) {
      if (length === 8 || length === 13 || length === 18 || length === 23) wire[length++] = dash;
      wire[length++] = hexDigits[mixed & 0xf] as number;
    }
  }
  return wire.toString("latin1", 0, length);
}

/** As `uuid`, for a text that was put together of pieces. */
function asFromWire(text: string): string {
  return wire.toString("latin1", 0, wire.write(text, "latin1"));
}

/** Resident memory, bytes, when the garbage is collected and its pages are given back, which V8 does in its own time. */
async function settledRss(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await pause(systemClock, 300);
  }
  return process.memoryUsage.rss();
}

if (flags.contender === undefined) {
  for (const contender of Object.keys(contenders)) {
    const script = new URL(import.meta.url).pathname;
    const args = [
      "--expose-gc",
      script,
      "--contender",
      contender,
      "--sessions",
      flags.sessions,
      "--seconds",
      flags.seconds,
    ];
    const { stdout, status } = spawnSync(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    if (status !== 0) throw new Error(`${contender} ended with ${status}`);
    const figures: Figures = JSON.parse(stdout.toString());
    const text = [
      `${Math.round(figures.heartbeatsPerSecond).toLocaleString("en")} heartbeats/s of CPU`,
      `${Math.round(figures.registersPerSecond).toLocaleString("en")} registers/s of CPU, making ids included`,
      `${Math.round(figures.rssBytesPerSession)} B of RSS a session`,
      `${figures.expired.toLocaleString("en")} of ${figures.heartbeats.toLocaleString("en")} heartbeats found it expired`,
    ];
    console.log(`${contender.padEnd(16)}${text.join("   ")}`);
  }
} else {
  const open = contenders[flags.contender];
  if (open === undefined) throw new Error(`no contender ${flags.contender}: one of ${Object.keys(contenders)}`);
  console.log(JSON.stringify(await measure(open)));
}
