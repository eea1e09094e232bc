import { durationOf, presence } from "@realchat/presence-proto";
import { oneOf, text } from "@realchat/presence-runtime/settings";
import { CliError } from "../cli-error.ts";
import { defineCommand } from "../command.ts";
import { toldStatusJson } from "../json.ts";
import { readUntil } from "../until.ts";
import { claim, selfClaim, userOperand } from "./status-flags.ts";
import { statusLine } from "./status-line.ts";

const { Availability, ClaimSource } = presence;

const availabilities = {
  available: Availability.AVAILABILITY_AVAILABLE,
  away: Availability.AVAILABILITY_AWAY,
  busy: Availability.AVAILABILITY_BUSY,
  "do-not-disturb": Availability.AVAILABILITY_DO_NOT_DISTURB,
} as const;

const words = { ...text({ maxBytes: 4_096 }), placeholder: "text" };

export const statusSet = defineCommand({
  name: "status set",
  summary: "what people see of a user besides online and offline",
  operands: userOperand,
  flags: {
    availability: {
      kind: oneOf(Object.keys(availabilities) as (keyof typeof availabilities)[]),
      meaning: "available, away, busy or do-not-disturb",
    },
    text: { kind: words, meaning: "at most 140 characters" },
    emoji: { kind: words, meaning: "one, in front of the text" },
    until: {
      kind: { ...words, placeholder: "time" },
      meaning: "30m, 1h, today, 15:30, 2026-12-24 or 2026-12-24T15:30; without it 30 days",
    },
    claim,
  },
  details: [
    "Says something about a user until then, and shows what people see of the user now. It makes nobody",
    "online. What the user says himself (claim self) counts before what calendars and calls say; of",
    "those the strongest counts. To say it again under the same claim takes the place of what was said.",
  ].join("\n"),
  examples: [
    'status set alice --availability busy --emoji "🔍" --text review --until 1h',
    'status set alice --claim calendar --availability do-not-disturb --text "in a meeting" --until 15:30',
  ],
  async run({ operands, flags, api, terminal, clock }) {
    const [userId = ""] = operands;
    const { availability, text = "", emoji = "", until, claim: claimId } = flags;
    if (availability === undefined && text === "" && emoji === "") {
      throw new CliError("USAGE", "status set needs --availability, --text or --emoji");
    }
    const nowMs = clock.nowUs() / 1_000;
    const source = claimId === selfClaim ? ClaimSource.CLAIM_SOURCE_MANUAL : ClaimSource.CLAIM_SOURCE_AUTOMATIC;
    const answer = await api.setStatus(
      {
        userId,
        claim: {
          ...{ claimId, source, text, emoji },
          availability:
            availability === undefined ? Availability.AVAILABILITY_UNSPECIFIED : availabilities[availability],
          expiresAt: until === undefined ? undefined : durationOf(readUntil(until, nowMs)),
        },
      },
      { timeoutMs: flags.timeout },
    );
    await terminal.print(
      flags.json ? JSON.stringify(toldStatusJson(userId, answer)) : statusLine(userId, answer.status, terminal, nowMs),
    );
  },
});
