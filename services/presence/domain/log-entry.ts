import type { Transition } from "./transition.ts";

/** The shard began anew, since nobody can prove that its store lost nothing: what comes after is above all before. */
interface BeginMark {
  readonly mark: "begin";
  readonly shard: number;
  /** The shard's begin itself. */
  readonly version: number;
}

/** All who are online were said again: users of the shard whose version is below `begin` are offline. */
export interface CompleteMark {
  readonly mark: "complete";
  readonly shard: number;
  readonly version: number;
  readonly begin: number;
}

export type ShardMark = BeginMark | CompleteMark;

/** What a shard's log holds. */
export type LogEntry = Transition | ShardMark;

/** What other services are told. */
export type PublishedEntry = Transition | CompleteMark;

export function isMark(entry: LogEntry): entry is ShardMark {
  return "mark" in entry;
}

/** The transitions among entries of a log. */
export function transitionsIn(entries: readonly LogEntry[]): Transition[] {
  return entries.filter((entry): entry is Transition => !isMark(entry));
}
