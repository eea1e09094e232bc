import { invariant } from "../../domain/invariant.ts";
import type { TextArena } from "./text-arena.ts";

/** What `find` returns for a text that is not there. */
export const notFound = -1;

/**
 * Numbers distinct texts from 0 and finds the number of a text: an open-addressing hash table with linear probing
 * over typed columns. Sized once for its capacity, at most two thirds full, so it never stops to grow.
 */
export class TextIndex {
  readonly #texts: TextArena;
  readonly #seed: number;
  /** By place: number + 1; 0 is empty. */
  readonly #places: Uint32Array;
  readonly #mask: number;
  /** By number. */
  readonly #handles: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #free: number[] = [];
  #end = 0;

  /** @param seed integer, unpredictable where those who choose the texts might choose colliding ones */
  constructor(texts: TextArena, capacity: number, seed: number) {
    this.#texts = texts;
    this.#seed = seed;
    const places = 2 ** Math.ceil(Math.log2(capacity * 1.5 + 1));
    this.#places = new Uint32Array(places);
    this.#mask = places - 1;
    this.#handles = new Uint32Array(capacity);
    this.#hashes = new Uint32Array(capacity);
  }

  /** Numbers in use are below this. */
  get end(): number {
    return this.#end;
  }

  find(text: string): number {
    const hash = this.#hash(text);
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const number = (this.#places[place] as number) - 1;
      if (number === notFound) return notFound;
      if (this.#hashes[number] === hash && this.#texts.equals(this.#handles[number] as number, text)) return number;
    }
  }

  /** Gives a number to a text that has none. */
  add(text: string): number {
    const number = this.#free.pop() ?? this.#end++;
    invariant(number < this.#handles.length, "a text is only added when there is room");
    const hash = this.#hash(text);
    this.#handles[number] = this.#texts.add(text);
    this.#hashes[number] = hash;
    let place = hash & this.#mask;
    while (this.#places[place] !== 0) place = (place + 1) & this.#mask;
    this.#places[place] = number + 1;
    return number;
  }

  remove(number: number): void {
    this.#texts.free(this.#handles[number] as number);
    this.#free.push(number);
    let hole = (this.#hashes[number] as number) & this.#mask;
    while (this.#places[hole] !== number + 1) hole = (hole + 1) & this.#mask;
    // Those behind move up, unless that puts them in front of where their search begins (Knuth 6.4, algorithm R).
    for (let place = (hole + 1) & this.#mask; this.#places[place] !== 0; place = (place + 1) & this.#mask) {
      const home = (this.#hashes[(this.#places[place] as number) - 1] as number) & this.#mask;
      if (((place - home) & this.#mask) < ((place - hole) & this.#mask)) continue;
      this.#places[hole] = this.#places[place] as number;
      hole = place;
    }
    this.#places[hole] = 0;
  }

  text(number: number): string {
    return this.#texts.get(this.#handles[number] as number);
  }

  /** FNV-1a over the UTF-16 units, from a basis of our own, and a last mix for the low bits that choose the place. */
  #hash(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  }
}
