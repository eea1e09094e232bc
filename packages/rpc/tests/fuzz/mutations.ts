import { huffmanText, indexed, integer, literal, sizeUpdate } from "../../testing/raw-http2/field-block.ts";
import { frame, headers, rstStream, settings, windowUpdate } from "../../testing/raw-http2/frames.ts";
import { type FuzzedFrame, fuzzedFrameOf } from "./fuzzed-frame.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** The frames with one to four mutations. */
export function mutated(frames: readonly FuzzedFrame[], random: SeededRandom): FuzzedFrame[] {
  let all = [...frames];
  for (let times = 1 + random.below(4); times > 0 && all.length > 0; times--) all = random.pick(mutations)(all, random);
  return all;
}

type Mutation = (frames: readonly FuzzedFrame[], random: SeededRandom) => FuzzedFrame[];

/** Changes one frame. */
function changing(change: (frame: FuzzedFrame, random: SeededRandom) => Partial<FuzzedFrame>): Mutation {
  return (frames, random) => {
    const index = random.below(frames.length);
    const frame = frames[index] as FuzzedFrame;
    return frames.with(index, { ...frame, ...change(frame, random) });
  };
}

/** Puts frames in between. */
function adding(make: (random: SeededRandom) => readonly Buffer[]): Mutation {
  return (frames, random) => frames.toSpliced(random.below(frames.length + 1), 0, ...make(random).map(fuzzedFrameOf));
}

const mutations: readonly Mutation[] = [
  changing(({ payload }, random) => ({ payload: flipped(payload, random) })),
  changing(({ payload }, random) => ({ payload: payload.subarray(0, random.below(payload.length + 1)) })),
  changing(({ payload }, random) => ({ payload: Buffer.concat([payload, random.bytes(random.below(40))]) })),
  changing((_, random) => ({ claims: random.pick([0, 1, 5, 8, 16_384, 16_385, 2 ** 24 - 1, random.below(300)]) })),
  changing((_, random) => ({ flags: random.below(256) })),
  changing(({ flags }, random) => ({ flags: flags ^ (1 << random.below(8)) })),
  changing((_, random) => ({ type: random.below(12) })),
  changing((_, random) => ({ stream: someStream(random) })),
  changing(({ payload }, random) => ({ payload: random.bytes(payload.length) })),
  // Lost, sent twice, out of order, cut off.
  (frames, random) => frames.toSpliced(random.below(frames.length), 1),
  (frames, random) => {
    const frame = random.pick(frames);
    return frames.toSpliced(random.below(frames.length + 1), 0, ...Array(1 + random.below(20)).fill(frame));
  },
  (frames, random) => {
    const from = random.below(frames.length);
    return frames.toSpliced(from, 1).toSpliced(random.below(frames.length), 0, frames[from] as FuzzedFrame);
  },
  (frames, random) => frames.slice(0, random.below(frames.length + 1)),
  // What has a meaning, at a time when nobody expects it.
  adding((random) => [settings(...someSettings(random))]),
  adding((random) => Array(1 + random.below(40)).fill(settings(["INITIAL_WINDOW_SIZE", random.below(2)]))),
  adding((random) => [windowUpdate(someStream(random), random.pick([0, 1, 65_535, 2 ** 31 - 1, 2 ** 32 - 1]))]),
  adding((random) => Array(1 + random.below(20)).fill(windowUpdate(someStream(random), 1))),
  adding((random) => [rstStream(someStream(random), random.below(20))]),
  adding((random) => [
    headers(someStream(random), someBlock(random), { end: random.chance(0.5), endHeaders: random.chance(0.8) }),
  ]),
  adding((random) => [
    frame(random.below(256), random.below(256), someStream(random), random.bytes(random.pick([0, 4, 8, 60, 16_384]))),
  ]),
  adding((random) => Array(1 + random.below(150)).fill(frame("DATA", 0, someStream(random)))),
];

function flipped(payload: Buffer, random: SeededRandom): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length === 0) return bytes;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
  }
  return bytes;
}

function someStream(random: SeededRandom): number {
  return random.chance(0.8) ? random.below(18) : random.pick([0x7fff_ffff, 0x8000_0001, 0xffff_ffff, 1_001, 1_000]);
}

function someSettings(random: SeededRandom): (readonly [number, number])[] {
  const value = () => random.pick([0, 1, 2, 16_383, 16_384, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]);
  return Array.from({ length: random.below(40) }, () => [random.below(8), value()] as const);
}

/** A field block of anything that HPACK has, and some that it does not. */
function someBlock(random: SeededRandom): Buffer {
  const parts = Array.from({ length: 1 + random.below(30) }, () =>
    random.pick([
      () => indexed(random.below(80)),
      () => literal(random.pick(["incremental", "without indexing", "never indexed"]), random.below(80), "v"),
      () => literal("incremental", "x-long", "z".repeat(random.below(5_000))),
      () =>
        literal(
          "incremental",
          random.pick([":path", "te", "X", "", "a b", "content-length"]),
          random.pick(["", "1", "\n"]),
        ),
      () => sizeUpdate(random.pick([0, 100, 4_096, 4_097, 2 ** 30])),
      () => integer(2 ** 40, 7, 0x80),
      () => Buffer.concat([Buffer.of(0x40), huffmanText(random.bytes(random.below(20)))]),
      () => random.bytes(random.below(10)),
    ])(),
  );
  return Buffer.concat(parts).subarray(0, 16_384);
}
