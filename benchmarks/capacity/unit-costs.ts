/**
 * What one of each costs, as `npm run bench` measured it on the machine of docs/benchmarks.md: the command that measures
 * it stands beside each. CPU in µs, memory and network in bytes.
 */
export const unitCosts = {
  /** redis-refresh: 64 calls of RefreshSessions in flight, at 500,000 sessions; 2.04 at 1,000,000 a server. */
  heartbeatRedisUs: 2.04,
  /** grpc-refresh: a heartbeat in RefreshSessions of 100; and redis-refresh: the store's part. */
  heartbeatNodeUs: 1.41 + 1.44,
  /** redis-transitions: Register and Unregister, 64 in flight. */
  transitionRedisUs: 10.9,
  transitionNodeUs: 4.68,
  /** redis-transitions: GetPresence of 100; rpc-get-presence: the same without a store. */
  lookupOf100RedisUs: 80.5,
  lookupOf100NodeUs: 37.1,
  /** redis-memory: a session with connection_id and an instance named like a pod; a user who has gone. */
  sessionRedisBytes: 478,
  goneUserRedisBytes: 331,
  /** gateway-memory: the whole process divided by its sockets. */
  socketGatewayBytes: 25_400,
  /** gateway-push: everything included. */
  dotGatewayUs: 9.49,
  /** docs/adr/0011: a change that is nobody's concern; with headers on the wire. */
  feedRecordGatewayUs: 9,
  feedRecordBytes: 350,
  /** rpc-idle: a connection, and PING of 10,000 every 30 s. */
  connectionNodeBytes: 8_100,
} as const;

/** What `npm run bench -- capacity` measures itself: what a shard costs by being there. */
export interface UpkeepCosts {
  /** Of Redis, and of the node that ticks. */
  readonly tickRedisUs: number;
  readonly tickNodeUs: number;
  readonly claimRedisUs: number;
}
