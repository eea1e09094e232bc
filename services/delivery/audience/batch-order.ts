import { AudienceError } from "./audience-error.ts";
import type { BatchOrigin } from "./directory.ts";

/**
 * Whether a batch has records that the directory has not applied.
 * @param storedOffset of its source; undefined: nothing was stored
 * @throws AudienceError REWOUND when records between the stored position and the batch are missing
 */
export function isNewBatch({ source, after, upTo }: BatchOrigin, storedOffset: number | undefined): boolean {
  if ((storedOffset ?? -1) < (after?.offset ?? -1)) throw rewound(source, after?.offset, storedOffset);
  return upTo.offset > (storedOffset ?? -1);
}

export function rewound(source: string, after: number | undefined, stored: number | undefined): AudienceError {
  const position = stored === undefined ? "nothing of it" : `it up to ${stored}`;
  return new AudienceError(
    "REWOUND",
    `${source} was read up to ${after}, but the directory holds ${position}: read the state, and go on from there`,
  );
}
