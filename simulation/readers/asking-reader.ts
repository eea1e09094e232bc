import type { PresenceAccess } from "@realchat/presence-client";
import type { Reader } from "../promises/promise-judge.ts";
import type { Machine } from "../time/machine.ts";

const everyMs = 5_000;

/** Asks about all users again and again; between two answers the last one counts (P5: no answer is no news). */
export function ask(channels: PresenceAccess, machine: Machine, reader: Reader): void {
  machine.every(everyMs, async () => {
    try {
      const { presences, recovering } = await channels.api.getPresence(
        { userIds: [...reader.users] },
        { timeoutMs: everyMs / 2 },
      );
      for (const { userId, online } of presences) {
        if (recovering && !online) reader.unsure(userId);
        else reader.answered(userId, online);
      }
      reader.isSynced = true;
    } catch {
      reader.isSynced = false;
    }
  });
}
