import { gzipSync } from "node:zlib";
import { HpackEncoder } from "../hpack/testing/hpack-encoder.ts";
import { framed } from "../testing/raw-call.ts";
import type { Field } from "../testing/raw-http2/field-block.ts";
import {
  continuation,
  data,
  frame,
  headers,
  ping,
  priority,
  rstStream,
  type SettingName,
  settings,
  settingsAck,
  windowUpdate,
} from "../testing/raw-http2/frames.ts";
import { pathOf, TextDefinition, text } from "../testing/text-service.ts";
import type { Dice } from "./dice.ts";
import { type Piece, pieceOf } from "./piece.ts";
import { behaviours } from "./target.ts";

/** What a client in good order may send after the preface: some calls of all four kinds, at the same time. */
export function conversation(dice: Dice): Piece[] {
  const encoder = new HpackEncoder();
  const frames: Buffer[] = [settings(...ownSettings(dice)), settingsAck()];
  if (dice.chance(0.7)) frames.push(windowUpdate(0, 1 + dice.below(2 ** 20)));
  const calls = Array.from({ length: 1 + dice.below(8) }, (_, index) => call(dice, encoder, 2 * index + 1));
  while (calls.length > 0) {
    if (dice.chance(0.1)) frames.push(aside(dice));
    // Not any of them: streams are opened in the order of their numbers.
    const index = dice.chance(0.5) ? 0 : dice.below(calls.length);
    const upTo = calls.slice(0, index + 1).findIndex((each) => !each.isOpen);
    const chosen = calls[upTo === -1 ? index : upTo] as OpenedCall;
    const next = chosen.frames.next();
    chosen.isOpen = true;
    if (next.done) calls.splice(calls.indexOf(chosen), 1);
    else frames.push(...next.value);
  }
  return frames.map(pieceOf);
}

interface OpenedCall {
  isOpen: boolean;
  /** Each step is sent without anything in between. */
  readonly frames: Generator<readonly Buffer[]>;
}

function call(dice: Dice, encoder: HpackEncoder, stream: number): OpenedCall {
  return { isOpen: false, frames: framesOf(dice, encoder, stream) };
}

function* framesOf(dice: Dice, encoder: HpackEncoder, stream: number): Generator<readonly Buffer[]> {
  const method = dice.pick(["Unary", "Download", "Upload", "Chat"]);
  const takesMany = method === "Upload" || method === "Chat";
  const isGzip = dice.chance(0.2);
  const hasTrailers = dice.chance(0.1);
  yield block(dice, stream, encoder.encode(head(dice, method, isGzip)), false);
  const messages = Array.from({ length: takesMany ? dice.below(6) : 1 }, () => message(dice, isGzip));
  let rest = Buffer.concat(messages);
  while (rest.length > 0) {
    const length = dice.chance(0.5) ? Math.min(rest.length, 16_000) : 1 + dice.below(Math.min(rest.length, 16_000));
    const content = rest.subarray(0, length);
    rest = rest.subarray(length);
    const end = rest.length === 0 && !hasTrailers;
    yield [data(stream, content, { end, ...(dice.chance(0.2) && { padding: dice.below(256) }) })];
    if (dice.chance(0.2)) yield [windowUpdate(stream, 1 + dice.below(70_000))];
  }
  if (hasTrailers) yield block(dice, stream, encoder.encode([["x-trailer", "1"]]), true);
  else if (messages.length === 0) yield [data(stream, "", { end: true })];
  if (dice.chance(0.2)) yield [rstStream(stream)];
  if (dice.chance(0.3)) yield [windowUpdate(stream, 1 + dice.below(70_000))];
}

function head(dice: Dice, method: string, isGzip: boolean): Field[] {
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", pathOf(method)],
    [":authority", "localhost"],
    ["content-type", dice.pick(["application/grpc", "application/grpc+proto"])],
    ["te", "trailers"],
  ];
  if (isGzip) fields.push(["grpc-encoding", "gzip"]);
  if (dice.chance(0.3)) fields.push(["grpc-accept-encoding", "identity,gzip"]);
  if (dice.chance(0.3)) fields.push(["grpc-timeout", `${dice.below(100)}${dice.pick(["m", "S", "H", "u", "n"])}`]);
  for (let index = dice.below(4); index > 0; index--) {
    fields.push([`x-${dice.below(5)}`, "v".repeat(dice.below(300))]);
  }
  return fields;
}

function message(dice: Dice, isGzip: boolean): Buffer {
  const filling = "x".repeat(dice.chance(0.1) ? dice.below(40_000) : dice.below(100));
  const content = TextDefinition.methods.unary.requestType.encode(text(`${dice.pick(behaviours)} ${filling}`)).finish();
  const isCompressed = isGzip && dice.chance(0.7);
  return framed(isCompressed ? gzipSync(content) : Buffer.from(content), isCompressed);
}

/** A block of fields, in one frame or several. */
function block(dice: Dice, stream: number, whole: Buffer, end: boolean): readonly Buffer[] {
  const padding = dice.chance(0.1) ? dice.below(256) : undefined;
  const options = {
    end,
    ...(padding !== undefined && { padding }),
    ...(dice.chance(0.1) && { priority: { dependsOn: 0 } }),
  };
  if (dice.chance(0.7)) return [headers(stream, whole, options)];
  const first = dice.below(whole.length);
  const second = first + dice.below(whole.length - first);
  return [
    headers(stream, whole.subarray(0, first), { ...options, endHeaders: false }),
    continuation(stream, whole.subarray(first, second), false),
    continuation(stream, whole.subarray(second)),
  ];
}

function ownSettings(dice: Dice): (readonly [SettingName | number, number])[] {
  const window = dice.pick([0, 1, 100, 65_535, 2 ** 20, 2 ** 31 - 1]);
  const all = [
    ["INITIAL_WINDOW_SIZE", window],
    ["MAX_FRAME_SIZE", dice.pick([16_384, 2 ** 24 - 1])],
    ["HEADER_TABLE_SIZE", dice.pick([0, 4_096, 2 ** 32 - 1])],
    ["ENABLE_PUSH", 0],
    [0xff00 + dice.below(256), dice.below(2 ** 32)],
  ] as const;
  return all.filter(() => dice.chance(0.5));
}

/** A frame of the connection, or one that means nothing. */
function aside(dice: Dice): Buffer {
  return dice.pick([
    () => ping(dice.bytes(8)),
    () => settings(...ownSettings(dice)),
    () => windowUpdate(0, 1 + dice.below(2 ** 20)),
    () => priority(1 + 2 * dice.below(10), { dependsOn: 0 }),
    () => frame(0x20 + dice.below(200), dice.below(256), dice.below(20), dice.bytes(dice.below(50))),
  ])();
}
