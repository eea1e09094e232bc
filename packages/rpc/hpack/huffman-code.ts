/** RFC 7541 Appendix B: bits of each byte's code, and of EOS, the last. */
// biome-ignore format: sixteen a line, so that a byte's two digits find it
export const huffmanLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
   6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
   5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
  13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
   7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
  15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
   6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

/** The symbol after the bytes: a text that contains its code is an error, RFC 7541 §5.2. */
export const endOfString = 256;

/**
 * The codes, right-aligned. RFC 7541 §5.2: the code is canonical, so that its lengths say all: codes of one length count
 * up in the order of the symbols, and the next length goes on where the last one stopped.
 */
export const huffmanCodes: readonly number[] = canonicalCodes(huffmanLengths);

function canonicalCodes(lengths: readonly number[]): number[] {
  const codes = new Array<number>(lengths.length).fill(0);
  const symbols = [...lengths.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    code <<= lengthOf(symbol) - bits;
    bits = lengthOf(symbol);
    codes[symbol] = code++;
  }
  return codes;

  function lengthOf(symbol: number): number {
    return lengths[symbol] as number;
  }
}
