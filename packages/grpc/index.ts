export { channelCredentials, type PemTexts } from "./channel-credentials.ts";
export type { ServiceDefinition } from "./definition.ts";
export { GrpcChannel } from "./grpc-channel.ts";
export { GrpcError, type GrpcErrorCode, grpcErrorCodeOf } from "./grpc-error.ts";
export { reasonOf } from "./reason.ts";
export { type CallOptions, type Carrier, type RpcClient, type RpcMethod, rpcClient } from "./rpc-client.ts";
