/** A name and a value as they came; the object stays the same for as long as a table holds it. */
export class HeaderField {
  /** One character for each byte, as in latin1. */
  readonly name: string;
  /** The same; `Classify` may take away what is not part of it. */
  value: string;
  /** Bytes that it counts in a table or a list, RFC 7541 §4.1. */
  readonly size: number;
  /** What the layer above took it for: set by its `Classify`. */
  kind = 0;
  /** What the layer above read in it: a path's method, a timeout's milliseconds. */
  meaning: unknown = undefined;
  /** Whether it was shown to `Classify`. */
  classified = false;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + fieldOverheadBytes;
  }
}

/** RFC 7541 §4.1: what an entry is taken to need besides its text. */
export const fieldOverheadBytes = 32;

/**
 * Reads a field once, when it is first put on a list, and keeps the result in `kind` and `meaning`: what clients send
 * with each request comes as the same object each time. Must not throw; an invalid field is one more kind.
 */
export type Classify = (field: HeaderField) => void;
