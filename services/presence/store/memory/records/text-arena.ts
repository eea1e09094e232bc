import { invariant } from "../../../domain/invariant.ts";

/** The handle of the empty text, which takes no room. */
export const noText = 0;

/** Blocks are counted and addressed in units, so that 32 bits reach 32 GiB. */
const unitBytes = 8;
const chunkBits = 17;
const chunkUnits = 2 ** chunkBits;
const headerBytes = 2;

/**
 * Many short texts as bytes outside the garbage collector's heap. A million sessions are three million texts: as
 * strings they would cost half as much again, and the collector would walk them.
 *
 * A block is a header (length and width) and the text, one byte a character if all are below U+0100, else two:
 *
 *     header = length * 2 + wide    characters    padding to the unit
 *
 * A free block holds the handle of the next free one of its size.
 */
export class TextArena {
  readonly #chunks: Chunk[] = [];
  /** Handle of a free block by size in units; 0 for none. */
  readonly #free: number[] = [];
  /** Where the next block is cut off when none is free; the first unit stays unused, so that no handle is 0. */
  #end = 1;

  /** @returns a handle, good until it is freed */
  add(text: string): number {
    if (text === "") return noText;
    const wide = isWide(text);
    const handle = this.#take(unitsOf(text.length, wide));
    const { bytes, view } = this.#chunkOf(handle);
    let at = startOf(handle);
    view.setUint16(at, text.length * 2 + wide, true);
    at += headerBytes;
    if (wide === 1) for (let i = 0; i < text.length; i++) view.setUint16(at + 2 * i, text.charCodeAt(i), true);
    else for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    return handle;
  }

  free(handle: number): void {
    if (handle === noText) return;
    const { view } = this.#chunkOf(handle);
    const header = view.getUint16(startOf(handle), true);
    const units = unitsOf(header >>> 1, header & 1);
    view.setUint32(startOf(handle), this.#free[units] ?? 0, true);
    this.#free[units] = handle;
  }

  get(handle: number): string {
    if (handle === noText) return "";
    const { bytes, view } = this.#chunkOf(handle);
    const header = view.getUint16(startOf(handle), true);
    const at = startOf(handle) + headerBytes;
    const length = header >>> 1;
    return (header & 1) === 1
      ? bytes.toString("utf16le", at, at + 2 * length)
      : bytes.toString("latin1", at, at + length);
  }

  /** Whether the text from a position on is the one of the handle. */
  equals(handle: number, text: string, from = 0): boolean {
    const length = text.length - from;
    if (handle === noText) return length === 0;
    const { bytes, view } = this.#chunkOf(handle);
    const header = view.getUint16(startOf(handle), true);
    if (header >>> 1 !== length) return false;
    const at = startOf(handle) + headerBytes;
    if ((header & 1) === 1) {
      for (let i = 0; i < length; i++) {
        if (view.getUint16(at + 2 * i, true) !== text.charCodeAt(from + i)) return false;
      }
    } else {
      for (let i = 0; i < length; i++) if (bytes[at + i] !== text.charCodeAt(from + i)) return false;
    }
    return true;
  }

  #take(units: number): number {
    const free = this.#free[units] ?? 0;
    if (free !== 0) {
      this.#free[units] = this.#chunkOf(free).view.getUint32(startOf(free), true);
      return free;
    }
    invariant(units < chunkUnits, `a text of ${units * unitBytes} bytes is too long`);
    // No block lies across two chunks.
    const left = chunkUnits - (this.#end & (chunkUnits - 1));
    if (units > left) this.#end += left;
    const handle = this.#end;
    this.#end += units;
    this.#chunks[handle >>> chunkBits] ??= createChunk();
    return handle;
  }

  #chunkOf(handle: number): Chunk {
    return this.#chunks[handle >>> chunkBits] as Chunk;
  }
}

interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
}

function createChunk(): Chunk {
  const bytes = Buffer.alloc(chunkUnits * unitBytes);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

function startOf(handle: number): number {
  return (handle & (chunkUnits - 1)) * unitBytes;
}

function unitsOf(length: number, wide: number): number {
  return Math.ceil((headerBytes + length * (1 + wide)) / unitBytes);
}

function isWide(text: string): 0 | 1 {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return 1;
  return 0;
}
