import fc from "fast-check";
import type { Policy } from "../policy.ts";

/** Few enough that exceptions meet those whom they are about. */
const users = ["ann", "bob", "__proto__"];

const viewers = fc.constantFrom("audience" as const, "contacts" as const, "nobody" as const);
const some = fc.subarray(users).map((ids): ReadonlySet<string> => new Set(ids));

export const anyPolicy: fc.Arbitrary<Policy> = fc.record(
  {
    ...{ invisible: fc.boolean(), reciprocal: fc.boolean(), show: some, hide: some },
    ...{ online: viewers, lastSeen: viewers, status: viewers, devices: viewers },
  },
  { noNullPrototype: true },
);
