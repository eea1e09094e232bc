import { type PresenceAccess, userStatusOf } from "@realchat/presence-client";
import type { PromiseJudge } from "../promises/promise-judge.ts";
import type { Reader } from "../promises/reader.ts";
import type { Machine } from "../time/machine.ts";

const everyMs = 5_000;

/** Asks about all users again and again; between two answers the last one counts (P5: no answer is no news). */
export function ask(channels: PresenceAccess, machine: Machine, judge: PromiseJudge, reader: Reader): void {
  machine.every(everyMs, async () => {
    const unproven = new Set(judge.unproven(reader.users));
    try {
      const { presences, recovering } = await channels.api.getPresence(
        { userIds: [...reader.users] },
        { timeoutMs: everyMs / 2 },
      );
      const isStill = new Set(judge.unproven(reader.users));
      for (const { userId, online, status } of presences) {
        if (!online && !recovering && unproven.has(userId) && isStill.has(userId)) {
          judge.object("P5", userId, `${reader.name} says offline, and not that presence recovers`);
        }
        if (recovering && !online) reader.unsure(userId);
        else reader.answered(userId, online, userStatusOf(status, online));
      }
      reader.isSynced = true;
    } catch {
      reader.isSynced = false;
    }
  });
}
