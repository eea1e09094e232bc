import { isDeepStrictEqual } from "node:util";
import { events as envelopes, presence } from "@realchat/presence-proto";
import type { Told } from "./client-sink.ts";
import type { Event } from "./simulation/events.ts";

/** A history in one world: when each event began, ms, and what each client was told. */
export interface Life {
  readonly moments: readonly number[];
  readonly told: readonly (readonly Told[])[];
}

/** Frames that are printed of each client: before the first difference, and from there on in each world. */
const shownFrames = 3;

/** @returns what happened, and where what clients were told differs; undefined: nowhere */
export function differenceOf(events: readonly Event[], hides: Life, leaves: Life): string | undefined {
  if (isDeepStrictEqual(hides.told, leaves.told)) return undefined;
  const happened = events.map((event, index) => `${hides.moments[index]} ms: ${textOf(event)}`);
  const differences = hides.told.flatMap((told, client) =>
    differenceForClient(client, told, leaves.told[client] ?? []),
  );
  return ["", ...happened, ...differences].join("\n");
}

function differenceForClient(client: number, hides: readonly Told[], leaves: readonly Told[]): string[] {
  const from = hides.findIndex((told, index) => !isDeepStrictEqual(told, leaves[index]));
  const first = from === -1 ? hides.length : from;
  if (first === leaves.length) return [];
  const lines = (who: string, told: readonly Told[]) => told.map((each) => `${who} ${readable(each)}`);
  return [
    `client ${client}`,
    ...lines("  both  ", hides.slice(Math.max(0, first - shownFrames), first)),
    ...lines("  hides ", hides.slice(first, first + shownFrames)),
    ...lines("  leaves", leaves.slice(first, first + shownFrames)),
  ];
}

function textOf(event: Event): string {
  return JSON.stringify(event, (_, value) => (value instanceof Set ? [...value] : value));
}

function readable({ atMs, frames }: Told): string {
  return `${atMs} ms: ${frames === "closed" ? frames : payloadsIn(Buffer.from(frames, "latin1")).join(" ")}`;
}

/** Frames of servers, which are not masked: RFC 6455 §5.2. Here they are shorter than 64 KiB. */
function payloadsIn(frames: Buffer): string[] {
  const [opcode = 0, short = 0] = frames;
  if (frames.length === 0) return [];
  const [from, length] = short < 126 ? [2, short] : [4, frames.readUInt16BE(2)];
  const payload = frames.subarray(from, from + length);
  const isText = (opcode & 0xf) === 1;
  return [isText ? payload.toString() : envelopeText(payload), ...payloadsIn(frames.subarray(from + length))];
}

function envelopeText(payload: Buffer): string {
  const { payload: update } = envelopes.EventEnvelope.decode(payload);
  return JSON.stringify(presence.PresenceUpdateEvent.decode(update));
}
