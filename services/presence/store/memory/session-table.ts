import { invariant } from "../../domain/invariant.ts";
import type { Ending, Session, Tombstone } from "../../domain/session.ts";
import { InternedNames } from "./interned-names.ts";
import { noText, type TextArena } from "./text-arena.ts";

/** What a row is: a session that counts, or what is remembered of one. */
export type RowState = "live" | "grace" | Ending;

const states: readonly RowState[] = ["live", "grace", "ended", "replaced", "expired"];
const live = states.indexOf("live");

/** Marks the end of a chain of rows. */
export const noRow = -1;

/**
 * Sessions and tombstones as rows of typed columns. A user's rows form a chain; of a device the current session comes
 * first, then its tombstones, newest first.
 *
 * Objects would cost three times the memory and a garbage collector that walks millions of them. The columns are
 * allocated whole: pages that nobody touched cost address space, not memory.
 */
export class SessionTable {
  /** Live or in grace: when the session falls due. Tombstone: when it ended. Ms of shard clock. */
  readonly deadlines: Float64Array;
  readonly capacity: number;
  readonly #states: Uint8Array;
  readonly #orders: Float64Array;
  readonly #contestedUntil: Float64Array;
  readonly #instances: Uint32Array;
  readonly #users: Uint32Array;
  /** The chain that a row is in: its user's, or that of free rows. */
  readonly #next: Int32Array;
  readonly #texts: TextArena;
  readonly #deviceIds: Uint32Array;
  readonly #connectionIds: Uint32Array;
  readonly #instanceNames = new InternedNames();
  #firstFree = noRow;
  #used = 0;

  constructor(capacity: number, texts: TextArena) {
    this.capacity = capacity;
    this.#texts = texts;
    this.#deviceIds = new Uint32Array(capacity);
    this.#connectionIds = new Uint32Array(capacity);
    this.deadlines = new Float64Array(capacity);
    this.#states = new Uint8Array(capacity);
    this.#orders = new Float64Array(capacity);
    this.#contestedUntil = new Float64Array(capacity);
    this.#instances = new Uint32Array(capacity);
    this.#users = new Uint32Array(capacity);
    this.#next = new Int32Array(capacity);
  }

  get used(): number {
    return this.#used;
  }

  /** Makes a row in front of a chain. @returns the row */
  add(user: number, deviceId: string, state: RowState, session: Session, deadlineMs: number, next: number): number {
    const row = this.#takeFree();
    this.#users[row] = user;
    this.#deviceIds[row] = this.#texts.add(deviceId);
    this.#connectionIds[row] = this.#texts.add(session.connectionId);
    this.#instances[row] = this.#instanceNames.acquire(session.instanceId);
    this.#states[row] = states.indexOf(state);
    this.#orders[row] = session.order;
    this.#contestedUntil[row] = session.contestedUntilMs;
    this.deadlines[row] = deadlineMs;
    this.#next[row] = next;
    return row;
  }

  /** Frees a row that is in no chain any more. */
  free(row: number): void {
    this.#texts.free(this.#deviceIds[row] as number);
    this.#texts.free(this.#connectionIds[row] as number);
    this.#instanceNames.release(this.#instances[row] as number);
    this.#next[row] = this.#firstFree;
    this.#firstFree = row;
    this.#used -= 1;
  }

  next(row: number): number {
    return this.#next[row] as number;
  }

  setNext(row: number, next: number): void {
    this.#next[row] = next;
  }

  user(row: number): number {
    return this.#users[row] as number;
  }

  deviceId(row: number): string {
    return this.#texts.get(this.#deviceIds[row] as number);
  }

  isOf(row: number, deviceId: string): boolean {
    return this.#texts.equals(this.#deviceIds[row] as number, deviceId);
  }

  state(row: number): RowState {
    return states[this.#states[row] as number] as RowState;
  }

  /** Whether it counts: live or in grace. */
  isCurrent(row: number): boolean {
    const state = this.state(row);
    return state === "live" || state === "grace";
  }

  session(row: number): Session {
    return {
      order: this.#orders[row] as number,
      connectionId: this.#texts.get(this.#connectionIds[row] as number),
      instanceId: this.#instanceNames.name(this.#instances[row] as number),
      contestedUntilMs: this.#contestedUntil[row] as number,
    };
  }

  tombstone(row: number): Tombstone {
    const state = this.state(row);
    invariant(state !== "live" && state !== "grace", `row ${row} is a session, not a tombstone`);
    return { ...this.session(row), ending: state, endedAtMs: this.deadlines[row] as number };
  }

  /** The row of a chain that is a device's live session and has this session_id (empty: no connection_id). */
  findLive(first: number, deviceId: string, sessionId: string): number {
    for (let row = first; row !== noRow; row = this.#next[row] as number) {
      if (this.#states[row] !== live || !this.isOf(row, deviceId)) continue;
      return this.#isNamed(row, sessionId) ? row : noRow;
    }
    return noRow;
  }

  /** As comparing with `sessionIdOf`, without making the text. */
  #isNamed(row: number, sessionId: string): boolean {
    const connectionId = this.#connectionIds[row] as number;
    if (sessionId === "") return connectionId === noText;
    const dot = sessionId.indexOf(".");
    if (dot === -1)
      return connectionId === noText && isDecimal(sessionId, sessionId.length, this.#orders[row] as number);
    if (connectionId === noText || !isDecimal(sessionId, dot, this.#orders[row] as number)) return false;
    return this.#texts.equals(connectionId, sessionId, dot + 1);
  }

  #takeFree(): number {
    invariant(this.#used < this.capacity, "a row is only added when there is room");
    this.#used += 1;
    const row = this.#firstFree;
    // Without free ones in between, the rows in use are the first ones.
    if (row === noRow) return this.#used - 1;
    this.#firstFree = this.#next[row] as number;
    return row;
  }
}

/** Whether the first characters are the number as `String` writes it. */
function isDecimal(text: string, length: number, expected: number): boolean {
  if (length === 0 || length > 16 || (length > 1 && text.charCodeAt(0) === 0x30)) return false;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  return value === expected;
}
