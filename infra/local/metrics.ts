/**
 * The metrics of a presence node by name, with their labels: what dashboards, alerts and docs/operations.md may speak
 * of. Beside them /metrics has prom-client's own of the process, `process_*` and `nodejs_*`.
 */
export const presenceMetrics: Readonly<Record<string, readonly string[]>> = {
  presence_rpc_total: ["method", "code"],
  presence_rpc_duration_seconds: ["method"],
  presence_watchers: [],
  presence_sessions: [],
  presence_users_online: [],
  presence_transitions_total: ["cause"],
  presence_expired_total: [],
  presence_expiry_lag_seconds: [],
  presence_ticks_failed_total: [],
  presence_log_length: [],
  presence_log_overflows_total: [],
  presence_shards_held: [],
  presence_publisher_ready: ["publisher"],
  presence_publisher_lag_seconds: ["publisher"],
  presence_publisher_transitions_total: ["publisher"],
  presence_publisher_failures_total: ["publisher"],
  presence_store_ready: [],
  presence_store_operations_total: ["operation"],
  presence_store_operation_failures_total: ["operation"],
  presence_store_operation_seconds_total: ["operation"],
  presence_bound_used: ["bound"],
  presence_bound_limit: ["bound"],
};
