import type { CallContext } from "../../service.ts";
import { type RpcCode, RpcError, rpcCodes } from "../../status.ts";
import type { EchoStatus } from "./generated/grpc/testing/test.ts";

/** The request metadata that comes back with the headers, and that which comes back with the status. */
export const echoedKeys = { header: "x-grpc-test-echo-initial", trailer: "x-grpc-test-echo-trailing-bin" } as const;

/** Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md#echo-metadata */
export function returnMetadata(call: CallContext): void {
  const initial = call.metadata(echoedKeys.header);
  if (initial !== undefined) call.addHeader(echoedKeys.header, initial);
  const trailing = call.binaryMetadata(echoedKeys.trailer);
  if (trailing !== undefined) call.addTrailer(echoedKeys.trailer, trailing);
}

/**
 * Ends the call with the status that the request asks for; asked for nothing or for OK, it goes on.
 * Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md#echo-status
 * @throws RpcError
 */
export function refuseAsAsked(asked: EchoStatus | undefined): void {
  if (asked === undefined || asked.code === rpcCodes.OK) return;
  const code = codeNames.get(asked.code);
  if (code === undefined)
    throw new RpcError("INVALID_ARGUMENT", `response_status.code ${asked.code} is no gRPC status`);
  throw new RpcError(code, asked.message);
}

/** By number. */
export const codeNames: ReadonlyMap<number, RpcCode> = new Map(
  Object.entries(rpcCodes).map(([name, code]) => [code, name as RpcCode]),
);
