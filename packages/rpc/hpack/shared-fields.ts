import { type Classify, HeaderField } from "./header-field.ts";
import { KnownPaths } from "./known-paths.ts";
import { staticTable } from "./static-table.ts";

/** The fields that all decoders of a server share, since one `Classify` has given them their meaning. */
export interface SharedFields {
  /** The static table, by index, which begins with 1. */
  readonly statics: readonly HeaderField[];
  readonly paths: KnownPaths;
}

const known = new WeakMap<Classify, SharedFields>();

export function sharedFields(classify: Classify): SharedFields {
  let shared = known.get(classify);
  if (shared === undefined) {
    shared = { statics: [["", ""] as const, ...staticTable].map(toField), paths: new KnownPaths() };
    known.set(classify, shared);
  }
  return shared;
}

function toField([name, value]: readonly [name: string, value: string]): HeaderField {
  return new HeaderField(name, value);
}
