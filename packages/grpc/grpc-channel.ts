import { type ChannelCredentials, Client, connectivityState, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Clock } from "@realchat/presence-runtime/clock";
import { GrpcError } from "./grpc-error.ts";
import type { CallOptions, Carrier, RpcMethod } from "./rpc-client.ts";

interface GrpcChannelOptions {
  /** `host:port`; of a name, the first address that answers. */
  readonly address: string;
  /** See channelCredentials. */
  readonly credentials: ChannelCredentials;
  /** What requests say they are for, `host:port`; default: the address. */
  readonly authority?: string;
  /** TLS: the name that the certificate must carry; default: the address's host. */
  readonly serverName?: string;
  /** What each call shows of who makes it, as `authorization: Bearer …`; asked for anew each time. */
  readonly token?: () => string | undefined;
  readonly clock: Clock;
  /** What calls reject with; default: the GrpcError itself. */
  readonly errorOf?: (failure: GrpcError) => Error;
}

/** A connection to one server, made with the first call. A call fails at once while there is none. */
export class GrpcChannel implements Carrier {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #errorOf: (failure: GrpcError) => Error;
  readonly #token: () => string | undefined;
  #isClosed = false;

  constructor({ address, credentials, authority, serverName, token, clock, errorOf }: GrpcChannelOptions) {
    this.#clock = clock;
    this.#token = token ?? (() => undefined);
    this.#errorOf = errorOf ?? ((failure) => failure);
    this.#client = new Client(address, credentials, {
      ...connectionOptions,
      ...(authority !== undefined && { "grpc.default_authority": authority }),
      ...(serverName !== undefined && { "grpc.ssl_target_name_override": serverName }),
    });
  }

  get isConnected(): boolean {
    return !this.#isClosed && this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Connects now, and again for ever. @param changed hears when the connection comes or breaks, or is tried again */
  keepConnected(changed: () => void): void {
    if (this.#isClosed) return;
    const connection = this.#client.getChannel();
    const before = connection.getConnectivityState(true);
    connection.watchConnectivityState(before, Number.POSITIVE_INFINITY, () => {
      if (this.#isClosed) return;
      changed();
      this.keepConnected(changed);
    });
  }

  unary(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { path, serialize, deserialize } = method;
      const call = this.#client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        this.#metadataOf(options),
        this.#deadlineOf(options),
        (error, response) => {
          forgetSignal();
          if (error === null) resolve(response);
          else reject(this.#failed(error));
        },
      );
      const forgetSignal = cancelOn(options.signal, call);
    });
  }

  async *serverStream(method: RpcMethod, request: unknown, options: CallOptions): AsyncGenerator<unknown> {
    const { path, serialize, deserialize } = method;
    const metadata = this.#metadataOf(options);
    const deadline = this.#deadlineOf(options);
    const call = this.#client.makeServerStreamRequest(path, serialize, deserialize, request, metadata, deadline);
    const forgetSignal = cancelOn(options.signal, call);
    try {
      yield* call;
    } catch (error) {
      if (!options.signal?.aborted) throw this.#failed(error as ServiceError);
    } finally {
      forgetSignal();
      call.cancel();
    }
  }

  /** Calls under way fail. */
  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  #deadlineOf({ timeoutMs }: CallOptions): { deadline?: number } {
    return timeoutMs === undefined ? {} : { deadline: this.#clock.nowUs() / 1_000 + timeoutMs };
  }

  #metadataOf({ metadata }: CallOptions): Metadata {
    const result = new Metadata();
    const token = this.#token();
    if (token !== undefined) result.set("authorization", bearerOf(token));
    if (metadata !== undefined) for (const [key, value] of Object.entries(metadata)) result.set(key, value);
    return result;
  }

  #failed(error: ServiceError): Error {
    return this.#errorOf(new GrpcError(error));
  }
}

const connectionOptions = {
  // P6: a caller that lost presence tries again within 5 s; grpc-js adds up to 20 % of jitter.
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.min_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A snapshot or the devices of thousands may be larger than the 4 MiB that grpc-js takes by default.
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  // The servers are in the same network: a proxy for the way out of it would only be in the way.
  "grpc.enable_http_proxy": 0,
  // Else two clients of one process would share a connection, and its end.
  "grpc.use_local_subchannel_pool": 1,
};

/** @throws Error that does not show it: grpc-js would */
function bearerOf(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("the token has characters that no token has");
  return `Bearer ${token}`;
}

/** @returns what makes the signal forget the call, which may end long before it */
function cancelOn(signal: AbortSignal | undefined, call: { cancel(): void }): () => void {
  const cancel = () => call.cancel();
  if (signal?.aborted) cancel();
  else signal?.addEventListener("abort", cancel, { once: true });
  return () => signal?.removeEventListener("abort", cancel);
}
