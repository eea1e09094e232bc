import { BlockWriter, neverIndexed, staticIndex, staticNames, withoutIndexing } from "./block-writer.ts";

/** One character for each byte, as in latin1; the name in lower case. */
export type HeaderPair = readonly [name: string, value: string];

export interface EncodeOptions {
  /** Names of fields that no table may hold, not even a proxy's, RFC 7541 §7.1.3; default `sensitiveNames`. */
  readonly sensitive?: ReadonlySet<string>;
}

export const sensitiveNames: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
]);

/**
 * A block that depends on no table but the static one, so that it can be built once and sent on every connection.
 * @throws RangeError when a character is not a byte
 */
export function encodeStateless(
  fields: Iterable<HeaderPair>,
  { sensitive = sensitiveNames }: EncodeOptions = {},
): Buffer {
  const block = new BlockWriter();
  for (const [name, value] of fields) {
    const index = sensitive.has(name) ? 0 : staticIndex(name, value);
    if (index > 0) block.indexed(index);
    else block.literal(sensitive.has(name) ? neverIndexed : withoutIndexing, staticNames.get(name) ?? 0, name, value);
  }
  return block.bytes();
}
