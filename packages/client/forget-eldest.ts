/**
 * Deletes an eighth of the entries, those that were added first. Not one at a time: to come to the first one, a Map passes
 * by the places of all that were deleted since it last grew.
 */
export function forgetEldest(entries: Map<string, unknown>): void {
  let left = Math.ceil(entries.size / 8);
  for (const key of entries.keys()) {
    if (left-- === 0) return;
    entries.delete(key);
  }
}
