/**
 * Doubly linked lists through two typed columns: an item (a row of some table) waits in at most one of the lanes, and
 * moves in constant time without an allocation. Each lane is a ring closed by a head of its own, behind the items:
 *
 *     lane 0:  head(0) ⇄ item 7 ⇄ item 2 ⇄ head(0)          an empty lane:  head(1) ⇄ head(1)
 */
export class Lanes {
  readonly #items: number;
  // Allocated whole: untouched pages cost address space, not memory.
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(items: number, lanes: number) {
    this.#items = items;
    this.#next = new Int32Array(items + lanes);
    this.#previous = new Int32Array(items + lanes);
    for (let lane = 0; lane < lanes; lane++) this.#clear(items + lane);
  }

  /** Puts an item that is in no lane at the end of one. */
  append(item: number, lane: number): void {
    const head = this.#items + lane;
    const last = this.#previous[head] as number;
    this.#next[last] = item;
    this.#previous[item] = last;
    this.#next[item] = head;
    this.#previous[head] = item;
  }

  /** Takes an item out of the lane that it is in. */
  remove(item: number): void {
    const next = this.#next[item] as number;
    const previous = this.#previous[item] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  /** @returns -1 when the lane is empty */
  first(lane: number): number {
    const first = this.#next[this.#items + lane] as number;
    return first < this.#items ? first : -1;
  }

  /** Empties a lane into `items`, in order. */
  takeAll(lane: number, items: number[]): void {
    const head = this.#items + lane;
    for (let item = this.#next[head] as number; item !== head; item = this.#next[item] as number) items.push(item);
    this.#clear(head);
  }

  #clear(head: number): void {
    this.#next[head] = head;
    this.#previous[head] = head;
  }
}
