import type { TestDelivery } from "@realchat/presence-testing";

/** What a process takes. */
export interface Usage {
  readonly residentBytes: number;
  /** Of user and system, since its start. */
  readonly cpuSeconds: number;
}

export async function usageOf(gateway: TestDelivery): Promise<Usage> {
  const metrics = await gateway.metrics();
  return {
    residentBytes: figureAmong(metrics, "process_resident_memory_bytes"),
    cpuSeconds: figureAmong(metrics, "process_cpu_seconds_total"),
  };
}

/** @throws Error when /metrics does not have it */
export function figureAmong(metrics: ReadonlyMap<string, number>, name: string): number {
  const value = metrics.get(name);
  if (value === undefined) throw new Error(`/metrics of the gateway has no ${name}`);
  return value;
}
