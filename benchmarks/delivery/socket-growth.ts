import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { loggedOut } from "../../services/delivery/gateway/close-codes.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import type { Relation } from "./relations.ts";
import type { Usage } from "./usage.ts";

const roomSize = 10;
/** Until those who opened a socket are registered and were told of each other. */
const settleMs = 3_000;

/** What a socket adds to a process. */
interface Growth {
  /** In 1,000 bytes. */
  readonly addedKb: number;
  readonly wholeKb: number;
  /** CPU to open it, and in a second while it is idle; less what the process takes without sockets. */
  readonly connectUs: number;
  readonly idleUs: number;
}

/** Opens a socket for each of the users, and looks what the server's process takes before, meanwhile and afterwards. */
export async function growth(options: {
  readonly address: string;
  readonly usage: () => Promise<Usage>;
  readonly userIds: readonly string[];
  readonly opensPerSecond: number;
  readonly idleMs: number;
}): Promise<Growth> {
  const { address, usage, userIds, opensPerSecond, idleMs } = options;
  const crowd = new Crowd();
  const urls = userIds.map((userId) => socketUrl(address, userId));
  // What the start left behind would otherwise make room for sockets, and they would seem to take less than they do.
  await crowd.open(urls.slice(0, urls.length / 10), opensPerSecond);
  await crowd.close(loggedOut);
  await pause(clock, settleMs);
  const quiet = await usage();
  await pause(clock, idleMs);
  const before = await usage();
  const startMs = clock.monotonicMs();
  await crowd.open(urls, opensPerSecond);
  await pause(clock, settleMs);
  const opened = await usage();
  const openingMs = clock.monotonicMs() - startMs;
  await pause(clock, idleMs);
  const after = await usage();
  crowd.stop();
  const cpuUs = (from: Usage, to: Usage) => ((to.cpuSeconds - from.cpuSeconds) * 1_000_000) / userIds.length;
  const quietUs = cpuUs(quiet, before) / idleMs;
  return {
    addedKb: (after.residentBytes - before.residentBytes) / userIds.length / 1_000,
    wholeKb: after.residentBytes / userIds.length / 1_000,
    connectUs: cpuUs(before, opened) - quietUs * openingMs,
    idleUs: (cpuUs(opened, after) / idleMs - quietUs) * 1_000,
  };
}

/** Each user watches the nine others of a room. */
export function* roomsOf(userIds: readonly string[]): Generator<Relation> {
  for (let start = 0; start < userIds.length; start += roomSize) {
    yield { conversation_id: `room-${start}`, participants: userIds.slice(start, start + roomSize) };
  }
}
