import { defineCommand, type Invocation } from "../command.ts";
import { updateJson, userPresenceJson } from "../json.ts";
import { align } from "../layout.ts";
import { updateLine } from "./update-line.ts";
import { userCells } from "./user-line.ts";

export const watch = defineCommand({
  name: "watch",
  summary: "live lines as users turn green and grey, or have another status",
  operands: [{ name: "USER", times: "any" }],
  flags: {},
  details: [
    "Shows the users as they are (without USER: all who are online), then every change with its",
    "cause, device, version and status, until Ctrl-C. With --json each line has a kind: snapshot,",
    "snapshotComplete, update, reset (changes were missed, or the store has recovered; a fresh",
    "snapshot follows) or recovering (it lost data: until the reset, who is absent or offline in a",
    "snapshot may be online). Users who are said again after a loss are not news: cause restated.",
  ].join("\n"),
  examples: ["watch", "watch alice bob", "watch --json | jq .userId"],
  run: (invocation) => watchPresence(invocation, invocation.operands),
});

/** Streams WatchPresence until Ctrl-C. @param userIds none: everyone */
export async function watchPresence(
  { flags, api, terminal, clock, stopSignal }: Omit<Invocation<Record<never, never>>, "operands">,
  userIds: readonly string[],
): Promise<void> {
  const sayJson = (kind: string, fields: object = {}) => terminal.print(JSON.stringify({ kind, ...fields }));
  // Changes that the snapshot already holds may come again after it. Emptied as they come, so no larger than it.
  const heldVersions = new Map<string, number>();
  let recovering = false;

  for await (const message of api.watchPresence({ userIds: [...userIds] }, { signal: stopSignal() })) {
    if (message.reset) {
      heldVersions.clear();
      if (flags.json) await sayJson("reset");
      else
        terminal.note(
          recovering ? "Recovered; here is how it is now:" : "Some changes were missed; here is how it is now:",
        );
    }
    // A snapshot says so of itself; what comes between says at most that it has begun.
    const isRecovering: boolean = message.recovering || (recovering && !message.reset);
    if (isRecovering !== recovering) {
      recovering = isRecovering;
      if (flags.json) await sayJson("recovering", { recovering });
      else if (recovering) terminal.note("The store recovers from a loss: who is absent may be online. Changes go on.");
    }
    for (const user of message.snapshot) {
      heldVersions.set(user.userId, user.version);
      if (flags.json) await sayJson("snapshot", userPresenceJson(user));
    }
    if (!flags.json) {
      const nowMs = clock.nowUs() / 1_000;
      for (const line of align(message.snapshot.map((user) => userCells(user, { recovering }, terminal, nowMs)))) {
        await terminal.print(line);
      }
    }
    if (message.snapshotComplete) {
      if (flags.json) await sayJson("snapshotComplete");
      else
        terminal.note(
          `Watching ${userIds.length === 0 ? "everyone" : userIds.length === 1 ? "one user" : `${userIds.length} users`}; Ctrl-C ends it.`,
        );
    }
    for (const update of message.updates) {
      const held = heldVersions.get(update.userId);
      if (held !== undefined && update.version <= held) continue;
      heldVersions.delete(update.userId);
      await (flags.json
        ? sayJson("update", updateJson(update))
        : terminal.print(updateLine(update, terminal, clock.nowUs() / 1_000)));
    }
  }
}
