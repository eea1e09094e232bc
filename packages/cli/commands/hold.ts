import { integer } from "@realchat/presence-runtime/settings";
import { defineCommand } from "../command.ts";
import { type HeldSession, type HoldNews, holdSession } from "../held-session.ts";
import { printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { durationJson, seconds } from "../time.ts";
import { disconnectReasonOf, instance, reason } from "./session-flags.ts";
import { sessionOf, sessionOperands } from "./session-operands.ts";

// As many calls as a server takes at once on one connection.
const maxSessions = 1_000;

export const hold = defineCommand({
  name: "hold",
  summary: "register and keep alive until Ctrl-C, as a gateway does",
  operands: sessionOperands,
  flags: {
    instance,
    reason: reason("logged-out"),
    count: {
      kind: integer({ min: 1, max: maxSessions }),
      meaning: "hold the device for so many users, USER-1, USER-2, ...",
    },
  },
  details: [
    "Registers a session with a connection_id of its own, sends heartbeats at the pace that the",
    "server dictates, and unregisters it on Ctrl-C. Goes on through outages, registers again when",
    "the session is gone, and stops when a newer session of the device takes its place. With",
    "--json each line has a kind: registered, registered-again, trouble, trouble-over or ended.",
  ].join("\n"),
  examples: ["hold alice phone", "hold alice phone --reason connection-lost", "hold user phone --count 100"],
  async run({ operands, flags, api, terminal, clock, stopSignal }) {
    const stop = stopSignal();
    const { userId, deviceId } = sessionOf(operands);
    const userIds =
      flags.count === undefined
        ? [userId]
        : Array.from({ length: flags.count }, (_, index) => `${userId}-${index + 1}`);
    const holding = userIds.map((userId) => {
      const session: HeldSession = {
        userId,
        deviceId,
        instanceId: flags.instance,
        connectionId: connectionName(clock.random()),
        reason: disconnectReasonOf(flags.reason),
      };
      const show = flags.json ? jsonLine : textLine;
      const tell = (news: HoldNews) => void terminal.print(show(news, session, terminal));
      return holdSession(session, { api, clock, timeoutMs: flags.timeout, stop, tell });
    });
    // One that is over does not end the others; that it is, is told at the end.
    for (const held of await Promise.allSettled(holding)) {
      if (held.status === "rejected") throw held.reason;
    }
  },
});

/** @param chance in [0, 1) */
function connectionName(chance: number): string {
  return `cli-${Math.floor(chance * 2 ** 48)
    .toString(36)
    .padStart(10, "0")}`;
}

function jsonLine(news: HoldNews, { userId, deviceId }: HeldSession): string {
  const line = { kind: news.kind, userId, deviceId };
  switch (news.kind) {
    case "registered":
    case "registered-again": {
      const heartbeatInterval = durationJson(news.heartbeatMs);
      return JSON.stringify({ ...line, sessionId: news.sessionId, heartbeatInterval });
    }
    case "trouble":
      return JSON.stringify({ ...line, code: news.error.code, message: news.error.message });
    case "trouble-over":
    case "ended":
      return JSON.stringify(line);
  }
}

function textLine(news: HoldNews, session: HeldSession, terminal: Terminal): string {
  const who = `${printable(session.userId)} on ${printable(session.deviceId)}`;
  switch (news.kind) {
    case "registered":
      return `${terminal.dot(true)} ${who} is online, heartbeat every ${seconds(news.heartbeatMs)}; Ctrl-C ends it  ${terminal.faint(`session_id ${printable(news.sessionId)}`)}`;
    case "registered-again":
      return `${terminal.dot(true)} ${who} was gone and is registered again  ${terminal.faint(`session_id ${printable(news.sessionId)}`)}`;
    case "trouble":
      return `! ${who}: no heartbeat gets through, trying on (${news.error.message})`;
    case "trouble-over":
      return `${terminal.dot(true)} ${who}: heartbeats get through again`;
    case "ended":
      return `${terminal.dot(false)} ${who} is unregistered`;
  }
}
