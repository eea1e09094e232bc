import type { GrpcErrorCode } from "@realchat/presence-grpc";

/** The gRPC statuses other than OK, by name. */
export type PresenceClientErrorCode = GrpcErrorCode;

/** All that this package throws and rejects with: what a server answered, or what we refuse in its name. */
export class PresenceClientError extends Error {
  override readonly name = "PresenceClientError";
  readonly code: PresenceClientErrorCode;
  /** The server's advice when to try again, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(code: PresenceClientErrorCode, message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whatever was thrown, as an error of this package. */
export function presenceClientErrorOf(error: unknown): PresenceClientError {
  if (error instanceof PresenceClientError) return error;
  return new PresenceClientError("UNKNOWN", error instanceof Error ? error.message : String(error), { cause: error });
}
