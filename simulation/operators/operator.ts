import type { PresenceApi } from "@realchat/presence-client";
import { pause } from "@realchat/presence-runtime/clock";
import type { Timeline } from "../promises/timeline.ts";
import type { Machine } from "../time/machine.ts";
import type { Random } from "../time/random.ts";

interface OperatorOptions {
  readonly machine: Machine;
  readonly api: PresenceApi;
  readonly random: Random;
  readonly timeline: Timeline;
  readonly userIds: readonly string[];
  /** Between two closings, on average; and how long a block lasts, ms. */
  readonly everyMs: number;
  readonly blockMs: { readonly least: number; readonly most: number };
}

const callTimeoutMs = 3_000;
const retryMs = 1_000;
const attemptsMax = 20;

/** Closes a user, a device or a session now and then, with a block or without, and again until that is answered. */
export function operate(options: OperatorOptions): void {
  const { machine, random, everyMs } = options;
  machine.after(random.around(everyMs), () => {
    void closeOne(options);
    operate(options);
  });
}

async function closeOne({ machine, api, random, timeline, userIds, blockMs }: OperatorOptions): Promise<void> {
  const userId = random.pick(userIds);
  const what = random.pick(["user", "device", "session"] as const);
  const ms = Math.round(random.between(blockMs.least, blockMs.most));
  const blockFor = random.chance(0.5)
    ? { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 }
    : undefined;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      const { sessions } = await api.listSessions({ userId }, { timeoutMs: callTimeoutMs });
      const [session] = sessions;
      if (what !== "user" && session === undefined) return;
      const deviceId = what === "user" ? "" : session?.deviceId;
      const sessionId = what === "session" ? session?.sessionId : "";
      const request = { userId, deviceId, sessionId, reason: "stolen", blockFor };
      await api.closeSessions(request, { timeoutMs: callTimeoutMs });
      return;
    } catch (error) {
      timeline.note("operator", `could not close: ${(error as Error).message}`, userId);
      await pause(machine, retryMs);
    }
  }
}
