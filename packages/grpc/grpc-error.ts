import { type ServiceError, status } from "@grpc/grpc-js";
import { reasonOf } from "./reason.ts";

/** The gRPC statuses other than OK, by name. Source: https://grpc.io/docs/guides/status-codes/ */
export type GrpcErrorCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** The status that a call ended with: the server's, or grpc-js's own when no server answered. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: GrpcErrorCode;
  /** The server's advice when to try again, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(error: ServiceError) {
    super(reasonOf(error.details), { cause: error });
    this.code = grpcErrorCodeOf(error.code);
    const advice = Number(error.metadata?.get("grpc-retry-pushback-ms")[0]);
    this.retryAfterMs = advice >= 0 ? advice : undefined;
  }
}

/** @param code as it goes over the wire, such as google.rpc.Code; not OK */
export function grpcErrorCodeOf(code: number): GrpcErrorCode {
  return codeNames.get(code) ?? "UNKNOWN";
}

const codeNames = new Map(
  Object.entries(status).flatMap(([name, code]) => (name === "OK" ? [] : [[Number(code), name as GrpcErrorCode]])),
);
