import type { GrpcErrorCode } from "@realchat/presence-grpc";

/** The gRPC statuses other than OK, by name. */
export type PresenceClientErrorCode = GrpcErrorCode;

/** An operator closed it. */
export interface ClosedByOperator {
  readonly reason: string;
  /** For how long nothing of the user, or of the device, can register; undefined: its client is not to come back by itself. */
  readonly blockedMs: number | undefined;
}

/** All that this package throws and rejects with: what a server answered, or what we refuse in its name. */
export class PresenceClientError extends Error {
  override readonly name = "PresenceClientError";
  readonly code: PresenceClientErrorCode;
  /** The server's advice when to try again, ms. */
  readonly retryAfterMs: number | undefined;
  /** Why a registration was refused, where an operator is the cause. */
  readonly closed: ClosedByOperator | undefined;

  constructor(
    code: PresenceClientErrorCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number; closed?: ClosedByOperator } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.closed = options.closed;
  }
}

/** Whatever was thrown, as an error of this package. */
export function presenceClientErrorOf(error: unknown): PresenceClientError {
  if (error instanceof PresenceClientError) return error;
  return new PresenceClientError("UNKNOWN", error instanceof Error ? error.message : String(error), { cause: error });
}
