import type { Refusal } from "./block.ts";

type PresenceErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "FAILED_PRECONDITION"
  | "RESOURCE_EXHAUSTED"
  | "DATA_LOSS"
  | "UNIMPLEMENTED"
  | "UNAVAILABLE";

/** What a caller is told; the message says what, which, limit and what to do. */
export class PresenceError extends Error {
  override readonly name = "PresenceError";
  readonly code: PresenceErrorCode;
  /** Advice with UNAVAILABLE: try again after this long. */
  readonly retryAfterMs: number | undefined;
  /** With FAILED_PRECONDITION: an operator closed it. */
  readonly refusal: Refusal | undefined;

  constructor(
    code: PresenceErrorCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number; refusal?: Refusal } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.refusal = options.refusal;
  }
}

/** Of a page_token that is none of this listing, or says no place in it. */
export function pageTokenRefused(): PresenceError {
  return new PresenceError(
    "INVALID_ARGUMENT",
    "page_token is none of this listing: send next_page_token of the page before, or none",
  );
}

/** Whether it says nothing of whether the store can answer for others. */
export function isOfOneUser(error: Error): boolean {
  return error instanceof PresenceError && error.code === "DATA_LOSS";
}
