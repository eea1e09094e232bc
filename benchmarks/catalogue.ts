import type { Benchmark } from "./benchmark.ts";
import { capacity } from "./capacity/capacity.ts";
import { vsCentrifugo } from "./centrifugo/vs-centrifugo.ts";
import { audience } from "./delivery/audience.ts";
import { claimEnds } from "./delivery/claim-ends.ts";
import { dotLatency } from "./delivery/dot-latency.ts";
import { gatewayCelebrity } from "./delivery/gateway-celebrity.ts";
import { gatewayCrash } from "./delivery/gateway-crash.ts";
import { gatewayMemory } from "./delivery/gateway-memory.ts";
import { gatewayOutage } from "./delivery/gateway-outage.ts";
import { gatewayPush } from "./delivery/gateway-push.ts";
import { gatewayTls } from "./delivery/gateway-tls.ts";
import { rollingRestart } from "./delivery/rolling-restart.ts";
import { expiry } from "./expiry.ts";
import { grpcRefresh } from "./grpc-refresh.ts";
import { latency } from "./latency.ts";
import { leases } from "./leases.ts";
import { loneCalls } from "./lone-calls.ts";
import { memoryStore } from "./memory-store-figures.ts";
import { redisCluster } from "./redis-cluster.ts";
import { redisGrowth } from "./redis-growth.ts";
import { redisMemory } from "./redis-memory.ts";
import { redisRefresh } from "./redis-refresh.ts";
import { redisTransitions } from "./redis-transitions.ts";
import { replacedUnderLoad } from "./replaced-under-load.ts";
import { restating } from "./restating/restating.ts";
import { rpcGetPresence } from "./rpc/get-presence.ts";
import { rpcIdle } from "./rpc/idle.ts";
import { rpcLatency } from "./rpc/latency.ts";
import { rpcH2load } from "./rpc/load-generator.ts";
import { rpcStreaming } from "./rpc/streaming.ts";
import { rpcTls, rpcUnary } from "./rpc/unary.ts";

/** All benchmarks, in the order in which they run. */
export const catalogue: readonly Benchmark[] = [
  redisRefresh,
  redisGrowth,
  redisTransitions,
  redisCluster,
  redisMemory,
  memoryStore,
  latency,
  expiry,
  grpcRefresh,
  loneCalls,
  leases,
  restating,
  audience,
  gatewayMemory,
  gatewayTls,
  gatewayPush,
  gatewayCelebrity,
  dotLatency,
  claimEnds,
  gatewayCrash,
  gatewayOutage,
  rollingRestart,
  replacedUnderLoad,
  vsCentrifugo,
  rpcUnary,
  rpcTls,
  rpcH2load,
  rpcGetPresence,
  rpcStreaming,
  rpcLatency,
  rpcIdle,
  capacity,
];
