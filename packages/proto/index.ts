import { readFileSync } from "node:fs";

export { durationMs, durationOf } from "./duration.ts";
export type { Duration } from "./generated/google/protobuf/duration.ts";
export type { Timestamp } from "./generated/google/protobuf/timestamp.ts";
export * as health from "./generated/grpc/health/v1/health.ts";
export * as reflection from "./generated/grpc/reflection/v1/reflection.ts";
export * as conversation from "./generated/realchat/conversation/v1/conversation.ts";
export * as presence from "./generated/realchat/presence/v1/presence.ts";
export * as events from "./generated/realchat/shared/v1/event.ts";

/** A serialized google.protobuf.FileDescriptorSet of every contract in proto/, for server reflection. */
export function fileDescriptorSet(): Uint8Array {
  return readFileSync(new URL("./generated/descriptors.binpb", import.meta.url));
}
