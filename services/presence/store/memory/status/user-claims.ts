import {
  type ClaimBook,
  decideClearStatus,
  decideSetStatus,
  endClaims,
  isForgettable,
  lastSaidMs,
  type NewClaim,
} from "../../../domain/claims.ts";
import { invariant } from "../../../domain/invariant.ts";
import type { Moment } from "../../../domain/moment.ts";
import type { UserRecord } from "../../../domain/session.ts";
import { decideStatusChange } from "../../../domain/status-change.ts";
import type { StatusResult, StatusStore } from "../../store.ts";
import type { UserReader } from "../records/user-reader.ts";
import type { UserRecords } from "../records/user-records.ts";
import { toMs } from "../shard/shard-clocks.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Sets, clears, ends and lists what is claimed of users. */
export class UserClaims {
  readonly #state: ShardState;
  readonly #users: UserRecords;
  readonly #reader: UserReader;

  constructor(state: ShardState, users: UserRecords, reader: UserReader) {
    this.#state = state;
    this.#users = users;
    this.#reader = reader;
  }

  set(userId: string, claim: NewClaim): StatusResult {
    const { clocks, claims, records, rules } = this.#state;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const decision = decideSetStatus(record?.claims, claim, this.#sayingMoment(moment), rules);
    switch (decision.kind) {
      case "set":
        if (record?.claims === undefined && claims.size >= records.rows.limit) throw this.#state.full();
        this.#write(userId, record, decision.book, moment);
        return { kind: "done", ...this.#reader.statusOf(userId) };
      case "kept":
        return { kind: "done", ...this.#reader.statusOf(userId) };
      default:
        return decision;
    }
  }

  clear(userId: string, claimId: string, setAtMs: number | undefined): StatusResult {
    const { clocks, rules } = this.#state;
    const moment = clocks.moment();
    const record = this.#users.read(userId, moment);
    const book = decideClearStatus(record?.claims, { claimId, setAtMs }, this.#sayingMoment(moment), rules);
    if (book !== undefined) this.#write(userId, record, book, moment);
    return { kind: "done", ...this.#reader.statusOf(userId) };
  }

  of(userId: string): Awaited<ReturnType<StatusStore["claimsOf"]>> {
    const claims = this.#state.claims.get(userId)?.book.claims ?? [];
    return {
      claims: claims.toSorted((a, b) => (a.claimId < b.claimId ? -1 : 1)),
      ...this.#reader.statusOf(userId),
    };
  }

  /** Ends claims whose time has come. @returns of how many users */
  end(moment: Moment, limit: number): number {
    const due = this.#state.claims.due(toMs(moment.nowUs), limit);
    for (const userId of due) {
      const record = this.#users.read(userId, moment);
      invariant(record?.claims !== undefined, "who has a due claim has claims");
      this.#write(userId, record, endClaims(record.claims, toMs(moment.nowUs)), moment);
    }
    return due.length;
  }

  #sayingMoment(moment: Moment) {
    return { nowMs: toMs(moment.nowUs), nextVersion: this.#state.nextVersion(moment) };
  }

  /** Without a record before, the version is one that every later change is above. */
  #write(userId: string, before: UserRecord | undefined, book: ClaimBook, moment: Moment): void {
    const { claims, records, log, begin } = this.#state;
    const known = before ?? { version: log.lastVersion, online: false, lastSeenMs: 0, devices: new Map() };
    const record = { ...known, claims: book };
    const change = decideStatusChange(before, record, begin);
    const version = this.#users.tell(userId, change, record, moment, { leastVersion: lastSaidMs(book) * 1_000 });
    const isForgotten = isForgettable(book, toMs(moment.nowUs));
    if (isForgotten) claims.delete(userId);
    else claims.set(userId, { book, version });
    // Who is offline keeps the place among those who left as long as something is claimed.
    if (isForgotten || record.online) records.setVersion(userId, version);
  }
}
