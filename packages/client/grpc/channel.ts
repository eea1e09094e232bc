import {
  type CallOptions,
  type Carrier,
  type channelCredentials,
  GrpcChannel,
  type GrpcError,
  type RpcMethod,
  rpcClient,
} from "@realchat/presence-grpc";
import { HealthCheckResponse_ServingStatus, HealthDefinition } from "@realchat/presence-proto/health";
import { PresenceApiDefinition } from "@realchat/presence-proto/presence";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";

/**
 * - `connecting`: nothing is known yet
 * - `serving`: connected, and the health service says so
 * - `not-serving`: connected, but the node says that it cannot serve, as when it drains or its store is away
 * - `unreachable`: no connection, or nothing answers on it
 */
export type ChannelState = "connecting" | "serving" | "not-serving" | "unreachable";

interface ChannelOptions {
  /** IP address and port. */
  readonly address: string;
  /** For people: what health() calls it. */
  readonly shown: string;
  /** What requests say they are for, `host:port`. */
  readonly authority: string;
  readonly credentials: ReturnType<typeof channelCredentials>;
  /** TLS: the name that the certificate must carry; undefined: the address. */
  readonly serverName: string | undefined;
  /** Asked for at each call; undefined: without a token. */
  readonly token: () => string | undefined;
  /** Milliseconds between two health checks. */
  readonly checkEveryMs: number;
  /** Milliseconds that a health check may take. */
  readonly checkTimeoutMs: number;
  readonly clock: Clock;
  /** The state, or its detail, has changed. */
  changed(): void;
}

/** What nodes of older releases lack, and callers can do without, in more calls. */
const batches: ReadonlySet<string> = new Set(
  [PresenceApiDefinition.methods.registerSessions, PresenceApiDefinition.methods.unregisterSessions].map(
    ({ name }) => `/${PresenceApiDefinition.fullName}/${name}`,
  ),
);
/** How long it is told that a node refused a call of ours for want of a right. */
const refusalShownMs = 10_000;
/** Behind a proxy the node may be another one, though the connection is the same. */
const lackingMs = 60_000;

/** One connection to one address, and what is known of the node at its end. Connects at once, and again for ever. */
export class Channel implements Carrier {
  readonly address: string;
  readonly #connection: GrpcChannel;
  readonly #options: ChannelOptions;
  #state: ChannelState = "connecting";
  #detail = "connecting";
  #cancelCheck: Cancel = () => {};
  /** Ends the streams that are open, with the state's detail as the reason. */
  readonly #streams = new Set<() => void>();
  /** Of paths that the node at the other end of this connection lacks: until when that is believed, monotonic ms. */
  readonly #lackingUntilMs = new Map<string, number>();
  /** What a call of ours was refused with, since this process lacks a right, and until when it is told. */
  #refusal = { message: "", untilMs: 0 };
  #isChecking = false;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.address = options.shown;
    this.#options = options;
    const { address, credentials, authority, serverName, token, clock } = options;
    const errorOf = (failure: GrpcError) => this.#failed(failure);
    this.#connection = new GrpcChannel({ address, credentials, authority, serverName, token, clock, errorOf });
    this.#connection.keepConnected(() => this.#connectionChanged());
    this.#check();
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** For people: why the state is what it is. */
  get detail(): string {
    return this.#detail;
  }

  get isConnected(): boolean {
    return this.#connection.isConnected;
  }

  unary(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
    return batches.has(method.path)
      ? this.#batch(method, request, options)
      : this.#connection.unary(method, request, options);
  }

  async *serverStream(method: RpcMethod, request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    const { signal } = options;
    const ended = new AbortController();
    const end = () => ended.abort();
    this.#streams.add(end);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
    try {
      yield* this.#connection.serverStream(method, request, { ...options, signal: ended.signal });
      if (ended.signal.aborted && !signal?.aborted) throw new PresenceClientError("UNAVAILABLE", this.#detail);
    } finally {
      this.#streams.delete(end);
      signal?.removeEventListener("abort", end);
    }
  }

  /** Closes it for good, as its address is not looked up any more: streams are cut, so that they begin elsewhere. */
  retire(): void {
    this.#detail = "its name has other addresses now";
    this.#cutStreams();
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelCheck();
    this.#connection.close();
  }

  /** Fails at once while the node is known to lack it. */
  async #batch(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < (this.#lackingUntilMs.get(method.path) ?? nowMs)) {
      throw new PresenceClientError("UNIMPLEMENTED", `${this.address} is of a release without ${method.path}`);
    }
    try {
      return await this.#connection.unary(method, request, options);
    } catch (error) {
      const isLacking = presenceClientErrorOf(error).code === "UNIMPLEMENTED";
      if (isLacking) this.#lackingUntilMs.set(method.path, nowMs + lackingMs);
      throw error;
    }
  }

  #failed(failure: GrpcError): PresenceClientError {
    const { code, message, retryAfterMs, cause } = failure;
    if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED") {
      this.#refusal = { message, untilMs: this.#options.clock.monotonicMs() + refusalShownMs };
    }
    // Else calls would be sent here until the next health check.
    if (code === "UNAVAILABLE" && !this.isConnected) this.#become("unreachable", message);
    return new PresenceClientError(code, message, { cause, retryAfterMs });
  }

  /** Tells at once when the connection breaks, and checks its health as soon as it is there. */
  #connectionChanged(): void {
    this.#lackingUntilMs.clear();
    if (this.isConnected) this.#check();
    else if (this.#state === "serving" || this.#state === "not-serving") {
      this.#become("unreachable", "the connection broke");
    }
  }

  async #check(): Promise<void> {
    if (this.#isChecking || this.#isClosed) return;
    this.#isChecking = true;
    this.#cancelCheck();
    const { checkTimeoutMs, checkEveryMs, clock } = this.#options;
    try {
      const { status } = await rpcClient(HealthDefinition, this).check({}, { timeoutMs: checkTimeoutMs });
      const serves = status === HealthCheckResponse_ServingStatus.SERVING;
      this.#become(serves ? "serving" : "not-serving", serves ? this.#howItServes() : "says that it cannot serve");
    } catch (error) {
      const { code, message } = presenceClientErrorOf(error);
      // https://github.com/grpc/grpc/blob/master/doc/health-checking.md: a server without the health service counts as serving.
      if (code === "UNIMPLEMENTED") this.#become("serving", "serving, tells nothing of its health");
      else this.#become("unreachable", message);
    }
    this.#isChecking = false;
    if (!this.#isClosed) this.#cancelCheck = clock.after(checkEveryMs, () => this.#check());
  }

  #howItServes(): string {
    const { message, untilMs } = this.#refusal;
    return this.#options.clock.monotonicMs() < untilMs ? `serving, but refused a call: ${message}` : "serving";
  }

  #cutStreams(): void {
    for (const end of [...this.#streams]) end();
  }

  #become(state: ChannelState, detail: string): void {
    if (this.#isClosed || (this.#state === state && this.#detail === detail)) return;
    this.#state = state;
    this.#detail = detail;
    // A node that hangs would not end them by itself.
    if (state === "unreachable") this.#cutStreams();
    this.#options.changed();
  }
}
