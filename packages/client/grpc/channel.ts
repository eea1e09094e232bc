import { type ChannelCredentials, Client, connectivityState, Metadata, type ServiceError } from "@grpc/grpc-js";
import { HealthCheckResponse_ServingStatus, HealthDefinition } from "@realchat/presence-proto/health";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import { PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { callError } from "./call-error.ts";
import { type CallOptions, type Carrier, type RpcMethod, rpcClient } from "./rpc-client.ts";

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
  /** What to call it. */
  readonly shown: string;
  /** What requests say they are for, `host:port`. */
  readonly authority: string;
  readonly credentials: ChannelCredentials;
  /** TLS: the name that the certificate must carry; undefined: the address. */
  readonly serverName: string | undefined;
  /** Milliseconds between two looks at the node's health. */
  readonly checkEveryMs: number;
  /** Milliseconds that the node may take to say how it is. */
  readonly checkTimeoutMs: number;
  readonly clock: Clock;
  /** The state, or what there is to say about it, has changed. */
  changed(): void;
}

/** One connection to one address, and what is known of the node at its end. Connects at once, and again for ever. */
export class Channel implements Carrier {
  readonly address: string;
  readonly #client: Client;
  readonly #options: ChannelOptions;
  #state: ChannelState = "connecting";
  #detail = "connecting";
  #cancelCheck: Cancel = () => {};
  /** Cancels the streams that are open, with the state's detail as the reason. */
  readonly #streams = new Set<() => void>();
  #isChecking = false;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.address = options.shown;
    this.#options = options;
    this.#client = new Client(options.address, options.credentials, {
      ...connectionOptions,
      "grpc.default_authority": options.authority,
      ...(options.serverName !== undefined && { "grpc.ssl_target_name_override": options.serverName }),
    });
    this.#followConnection();
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
    return !this.#isClosed && this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  unary(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { path, serialize, deserialize } = method;
      const cancel = () => call.cancel();
      const call = this.#client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        metadataOf(options),
        this.#deadlineOf(options),
        (error, response) => {
          options.signal?.removeEventListener("abort", cancel);
          if (error === null) resolve(response);
          else reject(this.#failed(error));
        },
      );
      if (options.signal?.aborted) cancel();
      else options.signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  async *serverStream(method: RpcMethod, request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    const { path, serialize, deserialize } = method;
    const metadata = metadataOf(options);
    const deadline = this.#deadlineOf(options);
    const call = this.#client.makeServerStreamRequest(path, serialize, deserialize, request, metadata, deadline);
    const cancel = () => call.cancel();
    this.#streams.add(cancel);
    if (options.signal?.aborted) cancel();
    else options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      yield* call;
    } catch (error) {
      if (options.signal?.aborted) return;
      const failure = this.#failed(error as ServiceError);
      const isCut = failure.code === "CANCELLED" && !this.#streams.has(cancel);
      throw isCut ? new PresenceClientError("UNAVAILABLE", this.#detail, { cause: error }) : failure;
    } finally {
      this.#streams.delete(cancel);
      options.signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }

  /** Closes it for good, as nobody names its address any more: streams are cut, so that they begin elsewhere. */
  retire(): void {
    this.#detail = "its name has other addresses now";
    this.#cutStreams();
    this.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelCheck();
    this.#client.close();
  }

  #deadlineOf({ timeoutMs }: CallOptions): { deadline?: number } {
    return timeoutMs === undefined ? {} : { deadline: this.#options.clock.nowUs() / 1_000 + timeoutMs };
  }

  #failed(error: ServiceError): PresenceClientError {
    const failure = callError(error, error);
    // Nobody should have to run into it until the next look.
    if (failure.code === "UNAVAILABLE" && !this.isConnected) this.#become("unreachable", failure.message);
    return failure;
  }

  /** Tells at once when the connection breaks, and looks at once when it is there. */
  #followConnection(): void {
    if (this.#isClosed) return;
    const connection = this.#client.getChannel();
    const before = connection.getConnectivityState(true);
    connection.watchConnectivityState(before, Number.POSITIVE_INFINITY, () => {
      if (this.#isClosed) return;
      if (this.isConnected) this.#check();
      else if (this.#state === "serving" || this.#state === "not-serving") {
        this.#become("unreachable", "the connection broke");
      }
      this.#followConnection();
    });
  }

  async #check(): Promise<void> {
    if (this.#isChecking || this.#isClosed) return;
    this.#isChecking = true;
    this.#cancelCheck();
    const { checkTimeoutMs, checkEveryMs, clock } = this.#options;
    try {
      const { status } = await rpcClient(HealthDefinition, this).check({}, { timeoutMs: checkTimeoutMs });
      const serves = status === HealthCheckResponse_ServingStatus.SERVING;
      this.#become(serves ? "serving" : "not-serving", serves ? "serving" : "says that it cannot serve");
    } catch (error) {
      const { code, message } = presenceClientErrorOf(error);
      // https://github.com/grpc/grpc/blob/master/doc/health-checking.md: who does not tell is taken to be well.
      if (code === "UNIMPLEMENTED") this.#become("serving", "serving, tells nothing of its health");
      else this.#become("unreachable", message);
    }
    this.#isChecking = false;
    if (!this.#isClosed) this.#cancelCheck = clock.after(checkEveryMs, () => this.#check());
  }

  #cutStreams(): void {
    const cancels = [...this.#streams];
    this.#streams.clear();
    for (const cancel of cancels) cancel();
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

const connectionOptions = {
  // P6: whoever lost presence tries again within 5 s; grpc-js adds up to 20 % of jitter.
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.min_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A snapshot or the devices of thousands may be larger than the 4 MiB that grpc-js takes by default.
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  // Presence is next door: a proxy for the way out of the house would only be in the way.
  "grpc.enable_http_proxy": 0,
  // Else two clients of one process would share a connection, and its end.
  "grpc.use_local_subchannel_pool": 1,
};

function metadataOf({ metadata }: CallOptions): Metadata {
  const result = new Metadata();
  if (metadata !== undefined) for (const [key, value] of Object.entries(metadata)) result.set(key, value);
  return result;
}
