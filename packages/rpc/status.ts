/** The gRPC status codes by name. Source: https://grpc.io/docs/guides/status-codes/ */
export const rpcCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type RpcCode = keyof typeof rpcCodes;

/**
 * The status that a handler answers with; its message reaches the caller. Anything else that a handler throws reaches
 * it as INTERNAL, without its message.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcCode;
  /** After how long the caller may try again; sent as google.rpc.RetryInfo would be, in `grpc-retry-pushback-ms`. */
  readonly retryAfterMs: number | undefined;
  /** A serialized google.rpc.Status, for clients that read more than a message; sent in `grpc-status-details-bin`. */
  readonly details: Uint8Array | undefined;

  constructor(
    code: RpcCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number; details?: Uint8Array } = {},
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }
}
