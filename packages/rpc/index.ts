export type { Interceptor } from "./grpc/served-method.ts";
export { Health } from "./health.ts";
export { defaultLimits, type RpcLimits } from "./limits.ts";
export { reflectionServices } from "./reflection.ts";
export { createRpcServer, type RpcEngine, type RpcEngineOptions } from "./server/rpc-server.ts";
export type { RpcServer, RpcServerMetrics, RpcServerOptions } from "./server.ts";
export {
  type CallContext,
  type CallObserver,
  type Handlers,
  implement,
  type ResponseStream,
  type Service,
  type ServiceDefinition,
} from "./service.ts";
export { type RpcCode, RpcError, rpcCodes } from "./status.ts";
