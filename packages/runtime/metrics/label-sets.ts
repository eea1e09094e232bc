/** Labels of one sample, by name. */
export type Labels<Name extends string = string> = Readonly<Record<Name, string>>;

/** More would be labels that callers make up, which no Prometheus survives. */
const maxSets = 1_000;

/** The label sets of one metric, each with a slot: a small index that hot paths keep in place of the labels. */
export class LabelSets<Name extends string> {
  readonly sets: Labels<Name>[] = [];
  readonly #names: readonly Name[];
  readonly #slots = new Map<string, number>();

  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  /** The slot of a label set, the same for ever; a new set takes the next. @throws RangeError above 1,000 sets */
  slot(labels: Labels<Name>): number {
    const key = JSON.stringify(this.#names.map((name) => labels[name]));
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.sets.length === maxSets) throw new RangeError(`more than ${maxSets} label sets of ${this.#names}`);
    this.#slots.set(key, this.sets.length);
    return this.sets.push({ ...labels }) - 1;
  }
}

/** As much room as asked for, at least doubled, holding what was there. */
export function widen(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= values.length) return values;
  const wider = new Float64Array(Math.max(length, 2 * values.length));
  wider.set(values);
  return wider;
}
