import { ConnectionError } from "../frame/frame.ts";
import type { LimitName } from "./counters.ts";

/** A peer that takes too much: ENHANCE_YOUR_CALM, then the end of its connection. */
export class LimitExceeded extends ConnectionError {
  readonly limit: LimitName;

  constructor(limit: LimitName, message = `limit: ${limit}`) {
    super("ENHANCE_YOUR_CALM", message);
    this.limit = limit;
  }
}
