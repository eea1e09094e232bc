import { invariant } from "../../../domain/invariant.ts";
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
  /** By place: the number + 1, where 0 is an empty place. */
  readonly #places: Uint32Array;
  /** Number of places - 1, a power of two less one. */
  readonly #mask: number;
  /** By number. */
  readonly #handles: Uint32Array;
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
  }

  /** Numbers in use are below this. */
  get end(): number {
    return this.#end;
  }

  find(text: string): number {
    for (let place = this.#homeOf(text); ; place = this.#after(place)) {
      const number = this.#numberAt(place);
      if (number === notFound || this.#texts.equals(this.#handles[number] as number, text)) return number;
    }
  }

  /** Gives a number to a text that has none. */
  add(text: string): number {
    const number = this.#free.pop() ?? this.#end++;
    invariant(number < this.#handles.length, "a text is only added when there is room");
    this.#handles[number] = this.#texts.add(text);
    let place = this.#homeOf(text);
    while (this.#numberAt(place) !== notFound) place = this.#after(place);
    this.#set(place, number);
    return number;
  }

  remove(number: number): void {
    let hole = this.#homeOf(this.text(number));
    while (this.#numberAt(hole) !== number) hole = this.#after(hole);
    this.#texts.free(this.#handles[number] as number);
    this.#free.push(number);
    // Those behind move up, unless that puts them in front of where their search begins (Knuth 6.4, algorithm R).
    for (let place = this.#after(hole); this.#numberAt(place) !== notFound; place = this.#after(place)) {
      const fromHome = (place - this.#homeOf(this.text(this.#numberAt(place)))) & this.#mask;
      const fromHole = (place - hole) & this.#mask;
      if (fromHome < fromHole) continue;
      this.#set(hole, this.#numberAt(place));
      hole = place;
    }
    this.#set(hole, notFound);
  }

  text(number: number): string {
    return this.#texts.get(this.#handles[number] as number);
  }

  #numberAt(place: number): number {
    return (this.#places[place] as number) - 1;
  }

  #set(place: number, number: number): void {
    this.#places[place] = number + 1;
  }

  #after(place: number): number {
    return (place + 1) & this.#mask;
  }

  /** FNV-1a over the UTF-16 units, from a basis of our own, and a last mix for the low bits that choose the place. */
  #homeOf(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
