/** What every publisher counts; see PublisherMetrics. */
interface PublisherCounters {
  transitions: number;
  requests: number;
  bytes: number;
  failures: number;
  totalMs: number;
  connects: number;
}

export function newPublisherCounters(): PublisherCounters {
  return { transitions: 0, requests: 0, bytes: 0, failures: 0, totalMs: 0, connects: 0 };
}
