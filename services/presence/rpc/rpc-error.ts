import { RpcError } from "@realchat/presence-rpc";
import { PresenceError } from "../domain/presence-error.ts";

/** A PresenceError as the gRPC status of the same name; anything else stays what it is, a fault of ours. */
export function rpcError(error: unknown): unknown {
  if (!(error instanceof PresenceError)) return error;
  return new RpcError(error.code, error.message, { cause: error, retryAfterMs: error.retryAfterMs });
}
