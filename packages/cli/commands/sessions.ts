import type { presence } from "@realchat/presence-proto";
import { CliError } from "../cli-error.ts";
import { defineCommand } from "../command.ts";
import { sessionInfoJson } from "../json.ts";
import { align, printable } from "../layout.ts";
import { ago, millisOf } from "../time.ts";
import { pages } from "./pages.ts";
import { identifier } from "./session-flags.ts";

/** Sessions of one call. */
const pageSize = 1_000;

export const sessions = defineCommand({
  name: "sessions",
  summary: "the sessions of a user or of a gateway",
  operands: [],
  flags: {
    user: { kind: identifier, meaning: "whose sessions" },
    instance: { kind: identifier, meaning: "of which gateway; looks through all users for those under no lease" },
  },
  details: [
    "Lists live sessions: device, session_id, gateway, lease, and since when; give --user or --instance.",
    "Those of a gateway come as they are found, and on a large system it takes a while until all",
    "users were looked through. A session that comes or goes meanwhile may be missing, or come twice.",
  ].join("\n"),
  examples: ["sessions --user alice", "sessions --instance gateway-1 --json"],
  async run({ flags, api, terminal, clock }) {
    const { user: userId = "", instance: instanceId = "" } = flags;
    if ((userId === "") === (instanceId === "")) {
      throw new CliError("USAGE", "sessions needs --user or --instance, one of the two");
    }
    let isNone = true;
    const ask = (pageToken: string) =>
      api.listSessions({ userId, instanceId, pageSize, pageToken }, { timeoutMs: flags.timeout });
    for await (const { sessions } of pages(ask)) {
      if (sessions.length > 0) isNone = false;
      const nowMs = clock.nowUs() / 1_000;
      const lines = flags.json
        ? sessions.map((session) => JSON.stringify(sessionInfoJson(session)))
        : align(sessions.map((session) => rowOf(session, nowMs)));
      for (const line of lines) await terminal.print(line);
    }
    if (isNone && !flags.json) await terminal.print("no live session");
  },
});

function rowOf(session: presence.SessionInfo, nowMs: number): string[] {
  const { userId, deviceId, sessionId, instanceId, leaseId, connectedAt } = session;
  return [
    printable(userId),
    printable(deviceId),
    printable(sessionId),
    `at ${printable(instanceId)}`,
    leaseId === "" ? "no lease" : `lease ${printable(leaseId)}`,
    connectedAt === undefined ? "" : `connected ${ago(millisOf(connectedAt), nowMs)}`,
  ];
}
