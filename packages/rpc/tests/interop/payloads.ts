import { type Payload, SimpleRequest } from "./generated/grpc/testing/test.ts";

/** The sizes of `large_unary`, which others use as well. */
export const largeRequestBytes = 271_828;
export const largeResponseBytes = 314_159;

export function largeRequest(): SimpleRequest {
  return SimpleRequest.fromPartial({ responseSize: largeResponseBytes, ...payload(largeRequestBytes) });
}

export function payload(size: number): { payload: { body: Buffer } } {
  return { payload: { body: zeros(size) } };
}

export function zeros(size: number): Buffer {
  return Buffer.alloc(size);
}

/** What messages carry; undefined for one that carries nothing. */
export function bodies(messages: readonly { payload: Payload | undefined }[]): (Buffer | undefined)[] {
  return messages.map((message) => message.payload?.body);
}
