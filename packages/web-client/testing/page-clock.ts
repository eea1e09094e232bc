import { FakeClock } from "@realchat/presence-runtime/testing";
import type { Clock } from "../types.d.ts";

/** A clock that stands still until a test moves it, as the client takes one. */
export class PageClock extends FakeClock implements Clock {
  now(): number {
    return Math.floor(this.nowUs() / 1_000);
  }
}
