import { ConnectionError } from "../frame/frame.ts";
import type { LimitName } from "./counters.ts";

/** A caller who takes too much: ENHANCE_YOUR_CALM, then the end of his connection. */
export class LimitExceeded extends ConnectionError {
  readonly limit: LimitName;

  constructor(limit: LimitName, message = `limit: ${limit}`) {
    super("ENHANCE_YOUR_CALM", message);
    this.limit = limit;
  }
}
