import { huffmanText, indexed, integer, literal, sizeUpdate } from "../testing/raw-http2/field-block.ts";
import { frame, headers, rstStream, settings, windowUpdate } from "../testing/raw-http2/frames.ts";
import type { Dice } from "./dice.ts";
import { type Piece, pieceOf } from "./piece.ts";

/** A conversation that has gone wrong in one to four places. */
export function mutated(pieces: readonly Piece[], dice: Dice): Piece[] {
  let all = [...pieces];
  for (let times = 1 + dice.below(4); times > 0 && all.length > 0; times--) all = dice.pick(mutations)(all, dice);
  return all;
}

type Mutation = (pieces: readonly Piece[], dice: Dice) => Piece[];

/** Changes one piece. */
function changing(change: (piece: Piece, dice: Dice) => Partial<Piece>): Mutation {
  return (pieces, dice) => {
    const index = dice.below(pieces.length);
    const piece = pieces[index] as Piece;
    return pieces.with(index, { ...piece, ...change(piece, dice) });
  };
}

/** Puts frames in between. */
function adding(frames: (dice: Dice) => readonly Buffer[]): Mutation {
  return (pieces, dice) => pieces.toSpliced(dice.below(pieces.length + 1), 0, ...frames(dice).map(pieceOf));
}

const mutations: readonly Mutation[] = [
  changing(({ payload }, dice) => ({ payload: flipped(payload, dice) })),
  changing(({ payload }, dice) => ({ payload: payload.subarray(0, dice.below(payload.length + 1)) })),
  changing(({ payload }, dice) => ({ payload: Buffer.concat([payload, dice.bytes(dice.below(40))]) })),
  changing((_, dice) => ({ claims: dice.pick([0, 1, 5, 8, 16_384, 16_385, 2 ** 24 - 1, dice.below(300)]) })),
  changing((_, dice) => ({ flags: dice.below(256) })),
  changing(({ flags }, dice) => ({ flags: flags ^ (1 << dice.below(8)) })),
  changing((_, dice) => ({ type: dice.below(12) })),
  changing((_, dice) => ({ stream: someStream(dice) })),
  changing(({ payload }, dice) => ({ payload: dice.bytes(payload.length) })),
  // Lost, sent twice, out of order, cut off.
  (pieces, dice) => pieces.toSpliced(dice.below(pieces.length), 1),
  (pieces, dice) => {
    const piece = dice.pick(pieces);
    return pieces.toSpliced(dice.below(pieces.length + 1), 0, ...Array(1 + dice.below(20)).fill(piece));
  },
  (pieces, dice) => {
    const from = dice.below(pieces.length);
    return pieces.toSpliced(from, 1).toSpliced(dice.below(pieces.length), 0, pieces[from] as Piece);
  },
  (pieces, dice) => pieces.slice(0, dice.below(pieces.length + 1)),
  // What has a meaning, at a time when nobody expects it.
  adding((dice) => [settings(...someSettings(dice))]),
  adding((dice) => Array(1 + dice.below(40)).fill(settings(["INITIAL_WINDOW_SIZE", dice.below(2)]))),
  adding((dice) => [windowUpdate(someStream(dice), dice.pick([0, 1, 65_535, 2 ** 31 - 1, 2 ** 32 - 1]))]),
  adding((dice) => Array(1 + dice.below(20)).fill(windowUpdate(someStream(dice), 1))),
  adding((dice) => [rstStream(someStream(dice), dice.below(20))]),
  adding((dice) => [
    headers(someStream(dice), someBlock(dice), { end: dice.chance(0.5), endHeaders: dice.chance(0.8) }),
  ]),
  adding((dice) => [
    frame(dice.below(256), dice.below(256), someStream(dice), dice.bytes(dice.pick([0, 4, 8, 60, 16_384]))),
  ]),
  adding((dice) => Array(1 + dice.below(150)).fill(frame("DATA", 0, someStream(dice)))),
];

function flipped(payload: Buffer, dice: Dice): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length === 0) return bytes;
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << dice.below(8)), at);
  }
  return bytes;
}

function someStream(dice: Dice): number {
  return dice.chance(0.8) ? dice.below(18) : dice.pick([0x7fff_ffff, 0x8000_0001, 0xffff_ffff, 1_001, 1_000]);
}

function someSettings(dice: Dice): (readonly [number, number])[] {
  const value = () => dice.pick([0, 1, 2, 16_383, 16_384, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]);
  return Array.from({ length: dice.below(40) }, () => [dice.below(8), value()] as const);
}

/** A field block of anything that HPACK has, and some that it does not. */
function someBlock(dice: Dice): Buffer {
  const parts = Array.from({ length: 1 + dice.below(30) }, () =>
    dice.pick([
      () => indexed(dice.below(80)),
      () => literal(dice.pick(["incremental", "without indexing", "never indexed"]), dice.below(80), "v"),
      () => literal("incremental", "x-long", "z".repeat(dice.below(5_000))),
      () =>
        literal(
          "incremental",
          dice.pick([":path", "te", "X", "", "a b", "content-length"]),
          dice.pick(["", "1", "\n"]),
        ),
      () => sizeUpdate(dice.pick([0, 100, 4_096, 4_097, 2 ** 30])),
      () => integer(2 ** 40, 7, 0x80),
      () => Buffer.concat([Buffer.of(0x40), huffmanText(dice.bytes(dice.below(20)))]),
      () => dice.bytes(dice.below(10)),
    ])(),
  );
  return Buffer.concat(parts).subarray(0, 16_384);
}
