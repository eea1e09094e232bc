import { health } from "@realchat/presence-proto";
import { type CallContext, implement, type ResponseStream, type Service } from "./service.ts";
import { RpcError } from "./status.ts";

type Status = health.HealthCheckResponse_ServingStatus;
const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;

/**
 * The standard health service: one status per service name, and "" for the server as a whole, which does not serve
 * until it is told so. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export class Health {
  readonly service: Service = implement(health.HealthDefinition, {
    check: ({ service }) => this.#check(service),
    watch: ({ service }, responses, call) => this.#watch(service, responses, call),
  });
  readonly #statuses = new Map<string, Status>([["", NOT_SERVING]]);
  readonly #watchers = new Set<() => void>();
  #draining = false;

  /** @param service full name, e.g. `realchat.presence.v1.PresenceApi`; empty: the server as a whole */
  set(service: string, serving: boolean): void {
    if (this.#draining) return;
    this.#statuses.set(service, serving ? SERVING : NOT_SERVING);
    this.#wakeWatchers();
  }

  /** Everything stops serving, for good; watchers are told and their calls end, so that they do not hold up a drain. */
  drain(): void {
    this.#draining = true;
    for (const service of this.#statuses.keys()) this.#statuses.set(service, NOT_SERVING);
    this.#wakeWatchers();
  }

  #check(service: string): health.HealthCheckResponse {
    const status = this.#statuses.get(service);
    if (status === undefined)
      throw new RpcError("NOT_FOUND", `no service has the name ${JSON.stringify(service)} here`);
    return { status };
  }

  async #watch(
    service: string,
    responses: ResponseStream<health.HealthCheckResponse>,
    { signal }: CallContext,
  ): Promise<void> {
    let told: Status | undefined;
    while (!signal.aborted) {
      const status = this.#statuses.get(service) ?? SERVICE_UNKNOWN;
      if (status !== told) {
        told = status;
        // Statuses may change while a slow reader is waited for: it gets the latest.
        if (!responses.write({ status })) await responses.drained();
      } else if (this.#draining) {
        return;
      } else {
        await this.#change(signal);
      }
    }
  }

  /** Resolves at the next change of any status, or when the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #wakeWatchers(): void {
    for (const wake of [...this.#watchers]) wake();
  }
}
