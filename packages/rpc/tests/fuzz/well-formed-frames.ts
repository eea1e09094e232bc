import { gzipSync } from "node:zlib";
import { HpackEncoder } from "../../hpack/testing/hpack-encoder.ts";
import { framed } from "../../testing/raw-call.ts";
import type { Field } from "../../testing/raw-http2/field-block.ts";
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
} from "../../testing/raw-http2/frames.ts";
import { pathOf, TextDefinition, text } from "../../testing/text-service.ts";
import { type FuzzedFrame, fuzzedFrameOf } from "./fuzzed-frame.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { behaviours } from "./target.ts";

/** What a client in good order may send after the preface: some calls of all four kinds, at the same time. */
export function wellFormedFrames(random: SeededRandom): FuzzedFrame[] {
  const encoder = new HpackEncoder();
  const frames: Buffer[] = [settings(...ownSettings(random)), settingsAck()];
  if (random.chance(0.7)) frames.push(windowUpdate(0, 1 + random.below(2 ** 20)));
  const calls = Array.from({ length: 1 + random.below(8) }, (_, index) => call(random, encoder, 2 * index + 1));
  while (calls.length > 0) {
    if (random.chance(0.1)) frames.push(aside(random));
    // Not any of them: streams are opened in the order of their numbers.
    const index = random.chance(0.5) ? 0 : random.below(calls.length);
    const upTo = calls.slice(0, index + 1).findIndex((each) => !each.isOpen);
    const chosen = calls[upTo === -1 ? index : upTo] as OpenedCall;
    const next = chosen.frames.next();
    chosen.isOpen = true;
    if (next.done) calls.splice(calls.indexOf(chosen), 1);
    else frames.push(...next.value);
  }
  return frames.map(fuzzedFrameOf);
}

interface OpenedCall {
  isOpen: boolean;
  /** Each step is sent without anything in between. */
  readonly frames: Generator<readonly Buffer[]>;
}

function call(random: SeededRandom, encoder: HpackEncoder, stream: number): OpenedCall {
  return { isOpen: false, frames: framesOf(random, encoder, stream) };
}

function* framesOf(random: SeededRandom, encoder: HpackEncoder, stream: number): Generator<readonly Buffer[]> {
  const method = random.pick(["Unary", "Download", "Upload", "Chat"]);
  const takesMany = method === "Upload" || method === "Chat";
  const isGzip = random.chance(0.2);
  const hasTrailers = random.chance(0.1);
  yield block(random, stream, encoder.encode(head(random, method, isGzip)), false);
  const messages = Array.from({ length: takesMany ? random.below(6) : 1 }, () => message(random, isGzip));
  let rest = Buffer.concat(messages);
  while (rest.length > 0) {
    const length = random.chance(0.5) ? Math.min(rest.length, 16_000) : 1 + random.below(Math.min(rest.length, 16_000));
    const content = rest.subarray(0, length);
    rest = rest.subarray(length);
    const end = rest.length === 0 && !hasTrailers;
    yield [data(stream, content, { end, ...(random.chance(0.2) && { padding: random.below(256) }) })];
    if (random.chance(0.2)) yield [windowUpdate(stream, 1 + random.below(70_000))];
  }
  if (hasTrailers) yield block(random, stream, encoder.encode([["x-trailer", "1"]]), true);
  else if (messages.length === 0) yield [data(stream, "", { end: true })];
  if (random.chance(0.2)) yield [rstStream(stream)];
  if (random.chance(0.3)) yield [windowUpdate(stream, 1 + random.below(70_000))];
}

function head(random: SeededRandom, method: string, isGzip: boolean): Field[] {
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", pathOf(method)],
    [":authority", "localhost"],
    ["content-type", random.pick(["application/grpc", "application/grpc+proto"])],
    ["te", "trailers"],
  ];
  if (isGzip) fields.push(["grpc-encoding", "gzip"]);
  if (random.chance(0.3)) fields.push(["grpc-accept-encoding", "identity,gzip"]);
  if (random.chance(0.3))
    fields.push(["grpc-timeout", `${random.below(100)}${random.pick(["m", "S", "H", "u", "n"])}`]);
  for (let index = random.below(4); index > 0; index--) {
    fields.push([`x-${random.below(5)}`, "v".repeat(random.below(300))]);
  }
  return fields;
}

function message(random: SeededRandom, isGzip: boolean): Buffer {
  const filling = "x".repeat(random.chance(0.1) ? random.below(40_000) : random.below(100));
  const content = TextDefinition.methods.unary.requestType
    .encode(text(`${random.pick(behaviours)} ${filling}`))
    .finish();
  const isCompressed = isGzip && random.chance(0.7);
  return framed(isCompressed ? gzipSync(content) : Buffer.from(content), isCompressed);
}

/** A block of fields, in one frame or several. */
function block(random: SeededRandom, stream: number, whole: Buffer, end: boolean): readonly Buffer[] {
  const padding = random.chance(0.1) ? random.below(256) : undefined;
  const options = {
    end,
    ...(padding !== undefined && { padding }),
    ...(random.chance(0.1) && { priority: { dependsOn: 0 } }),
  };
  if (random.chance(0.7)) return [headers(stream, whole, options)];
  const first = random.below(whole.length);
  const second = first + random.below(whole.length - first);
  return [
    headers(stream, whole.subarray(0, first), { ...options, endHeaders: false }),
    continuation(stream, whole.subarray(first, second), false),
    continuation(stream, whole.subarray(second)),
  ];
}

function ownSettings(random: SeededRandom): (readonly [SettingName | number, number])[] {
  const window = random.pick([0, 1, 100, 65_535, 2 ** 20, 2 ** 31 - 1]);
  const all = [
    ["INITIAL_WINDOW_SIZE", window],
    ["MAX_FRAME_SIZE", random.pick([16_384, 2 ** 24 - 1])],
    ["HEADER_TABLE_SIZE", random.pick([0, 4_096, 2 ** 32 - 1])],
    ["ENABLE_PUSH", 0],
    [0xff00 + random.below(256), random.below(2 ** 32)],
  ] as const;
  return all.filter(() => random.chance(0.5));
}

/** A frame of the connection, or one that means nothing. */
function aside(random: SeededRandom): Buffer {
  return random.pick([
    () => ping(random.bytes(8)),
    () => settings(...ownSettings(random)),
    () => windowUpdate(0, 1 + random.below(2 ** 20)),
    () => priority(1 + 2 * random.below(10), { dependsOn: 0 }),
    () => frame(0x20 + random.below(200), random.below(256), random.below(20), random.bytes(random.below(50))),
  ])();
}
