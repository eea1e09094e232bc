import { invariant } from "../../../domain/invariant.ts";
import type { Ending, Session, Tombstone } from "../../../domain/session.ts";
import { InternedNames } from "./interned-names.ts";
import { noText, type TextArena } from "./text-arena.ts";

/** What a row is: a session that counts, or what is remembered of one. */
type RowState = "live" | "grace" | Ending;

const states: readonly RowState[] = ["live", "grace", "ended", "replaced", "expired"];
const live = states.indexOf("live");
/** The word with the state has it in its lowest bits; above, the number of the lease and one, or 0 without lease. */
const stateBits = 3;
const stateMask = 2 ** stateBits - 1;

/** Marks the end of a chain of rows. */
export const noRow = -1;

/** A row is 32 bytes, half a cache line: its order as a float, in front of six words. */
const rowWords = 8;
const userWord = 2;
/** Next row of the chain that the row is in: its user's, or that of free rows. */
const nextWord = 3;
const deviceIdWord = 4;
const connectionIdWord = 5;
const instanceWord = 6;
const stateWord = 7;

/**
 * Sessions and tombstones as packed rows. A user's rows form a chain; of a device the current session comes first, then
 * its tombstones, newest first.
 *
 * Objects would cost three times the memory and a garbage collector that walks millions of them. What a heartbeat reads
 * of a session lies side by side, since reaching for memory is most of what it costs; what it does not read, or what
 * others go through on their own, has a column. All is allocated whole: pages that nobody touched cost address space,
 * not memory.
 */
export class SessionTable {
  /** Live or in grace: when the session falls due. Tombstone: when it ended. Ms of shard clock. */
  readonly deadlines: Float64Array;
  readonly capacity: number;
  readonly #orders: Float64Array;
  readonly #words: Int32Array;
  readonly #contestedUntil: Float64Array;
  readonly #texts: TextArena;
  readonly #instanceNames = new InternedNames();
  readonly #leaseNames = new InternedNames();
  #firstFree = noRow;
  #used = 0;

  constructor(capacity: number, texts: TextArena) {
    this.capacity = capacity;
    this.#texts = texts;
    this.#orders = new Float64Array(capacity * (rowWords / 2));
    this.#words = new Int32Array(this.#orders.buffer);
    this.#contestedUntil = new Float64Array(capacity);
    this.deadlines = new Float64Array(capacity);
  }

  get used(): number {
    return this.#used;
  }

  /** Makes a row in front of a chain. @param leaseId of a live session, if it is under one @returns the row */
  add(
    user: number,
    deviceId: string,
    state: RowState,
    session: Session,
    deadlineMs: number,
    next: number,
    leaseId?: string,
  ): number {
    const row = this.#takeFree();
    this.#orders[row * (rowWords / 2)] = session.order;
    this.#setWord(row, userWord, user);
    this.#setWord(row, nextWord, next);
    this.#setWord(row, deviceIdWord, this.#texts.add(deviceId));
    this.#setWord(row, connectionIdWord, this.#texts.add(session.connectionId));
    this.#setWord(row, instanceWord, this.#instanceNames.acquire(session.instanceId));
    const lease = leaseId === undefined ? 0 : this.#leaseNames.acquire(leaseId) + 1;
    this.#setWord(row, stateWord, states.indexOf(state) | (lease << stateBits));
    // A page of zeros that is read only takes no memory, and the sessions of callers with tokens are never contested.
    if (this.#contestedUntil[row] !== session.contestedUntilMs) this.#contestedUntil[row] = session.contestedUntilMs;
    this.deadlines[row] = deadlineMs;
    return row;
  }

  /** Frees a row that is in no chain any more. */
  free(row: number): void {
    this.#texts.free(this.#word(row, deviceIdWord));
    this.#texts.free(this.#word(row, connectionIdWord));
    this.#instanceNames.release(this.#word(row, instanceWord));
    const lease = this.#word(row, stateWord) >>> stateBits;
    if (lease !== 0) this.#leaseNames.release(lease - 1);
    this.#setWord(row, nextWord, this.#firstFree);
    this.#firstFree = row;
    this.#used -= 1;
  }

  next(row: number): number {
    return this.#word(row, nextWord);
  }

  setNext(row: number, next: number): void {
    this.#setWord(row, nextWord, next);
  }

  user(row: number): number {
    return this.#word(row, userWord);
  }

  deviceId(row: number): string {
    return this.#texts.get(this.#word(row, deviceIdWord));
  }

  isOf(row: number, deviceId: string): boolean {
    return this.#texts.equals(this.#word(row, deviceIdWord), deviceId);
  }

  state(row: number): RowState {
    return states[this.#word(row, stateWord) & stateMask] as RowState;
  }

  /** undefined: it is under none. */
  leaseId(row: number): string | undefined {
    const lease = this.#word(row, stateWord) >>> stateBits;
    return lease === 0 ? undefined : this.#leaseNames.name(lease - 1);
  }

  isLeased(row: number): boolean {
    return this.#word(row, stateWord) > stateMask;
  }

  /** Whether it counts: live or in grace. */
  isCurrent(row: number): boolean {
    const state = this.state(row);
    return state === "live" || state === "grace";
  }

  session(row: number): Session {
    return {
      order: this.#order(row),
      connectionId: this.#texts.get(this.#word(row, connectionIdWord)),
      instanceId: this.#instanceNames.name(this.#word(row, instanceWord)),
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
    for (let row = first; row !== noRow; row = this.next(row)) {
      if ((this.#word(row, stateWord) & stateMask) !== live || !this.isOf(row, deviceId)) continue;
      return this.#isNamed(row, sessionId) ? row : noRow;
    }
    return noRow;
  }

  /** As comparing with `sessionIdOf`, without making the text. */
  #isNamed(row: number, sessionId: string): boolean {
    const connectionId = this.#word(row, connectionIdWord);
    if (sessionId === "") return connectionId === noText;
    const dot = sessionId.indexOf(".");
    if ((dot === -1) !== (connectionId === noText)) return false;
    if (!isDecimal(sessionId, dot === -1 ? sessionId.length : dot, this.#order(row))) return false;
    return dot === -1 || this.#texts.equals(connectionId, sessionId, dot + 1);
  }

  #order(row: number): number {
    return this.#orders[row * (rowWords / 2)] as number;
  }

  #word(row: number, word: number): number {
    return this.#words[row * rowWords + word] as number;
  }

  #setWord(row: number, word: number, value: number): void {
    this.#words[row * rowWords + word] = value;
  }

  #takeFree(): number {
    invariant(this.#used < this.capacity, "a row is only added when there is room");
    this.#used += 1;
    const row = this.#firstFree;
    // Without free ones in between, the rows in use are the first ones.
    if (row === noRow) return this.#used - 1;
    this.#firstFree = this.next(row);
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
