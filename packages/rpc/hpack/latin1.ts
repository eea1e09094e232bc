/**
 * A string of one character for each byte. A call of the runtime takes as long as three strings without one: most that
 * come on the wire are this short.
 */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  // biome-ignore format: a table
  switch (end - start) {
    case 0: return "";
    case 1: return of(at(0));
    case 2: return of(at(0), at(1));
    case 3: return of(at(0), at(1), at(2));
    case 4: return of(at(0), at(1), at(2), at(3));
    case 5: return of(at(0), at(1), at(2), at(3), at(4));
    case 6: return of(at(0), at(1), at(2), at(3), at(4), at(5));
    case 7: return of(at(0), at(1), at(2), at(3), at(4), at(5), at(6));
    case 8: return of(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
    case 9: return of(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8));
    default: return latin1Slice.call(bytes, start, end);
  }

  function at(offset: number): number {
    return bytes[start + offset] as number;
  }
}

const of = String.fromCharCode;

/** What Buffer's `toString("latin1")` ends up in; it is public, though not typed. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};
