const standard = "presence.events.v1";

/**
 * The topic of presence's events among those of a deployment: `presence.events.v1`, a name that ends with it, or what
 * `presence.events.v1=name` says. Others are passed over; when there is none, it is the standard one.
 */
export function presenceTopic(entries: readonly string[]): string {
  for (const entry of entries) {
    const [before, after] = entry.split("=", 2);
    if (after !== undefined && before === standard) return after;
    if (after === undefined && /(^|[._-])presence\.events\.v1$/.test(entry)) return entry;
  }
  return standard;
}
