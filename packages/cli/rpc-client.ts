import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientUnaryCall,
  connectivityState,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type RpcCode, rpcCodes, type ServiceDefinition } from "@realchat/presence-rpc";
import type { Clock } from "@realchat/presence-runtime";
import { CliError } from "./cli-error.ts";
import { unreachable } from "./unreachable.ts";

interface RpcCallOptions {
  /** Milliseconds until DEADLINE_EXCEEDED; none: it may take for ever. */
  readonly timeoutMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** One function per method of a definition, typed by it; unary and server-streaming ones, which is all we have. */
export type RpcClient<Definition extends ServiceDefinition> = {
  readonly [Name in keyof Definition["methods"]]: ClientMethod<Definition["methods"][Name]>;
};

type ClientMethod<Method> = Method extends {
  readonly requestType: { fromPartial(partial: infer Request): unknown };
  readonly responseType: { decode(input: Uint8Array): infer Response };
  readonly responseStream: infer ResponseStream;
}
  ? (
      request: Request,
      options?: RpcCallOptions,
    ) => ResponseStream extends true ? AsyncIterable<Response> : Promise<Response>
  : never;

export interface RpcConnection<Definition extends ServiceDefinition> {
  readonly api: RpcClient<Definition>;
  close(): void;
}

/**
 * A client of one service. Connects with the first call; a call on a broken connection fails at once. Every call
 * rejects with CliError: UNREACHABLE when no server answered, else the status that it answered with.
 */
export function connectRpc<Definition extends ServiceDefinition>(
  definition: Definition,
  target: { address: string; credentials: ChannelCredentials },
  clock: Clock,
): RpcConnection<Definition> {
  const client = new Client(target.address, target.credentials, {
    // A snapshot or the devices of thousands may be larger than the 4 MiB that grpc-js takes by default.
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
    // Presence is next door: a proxy for the way out of the house would only be in the way.
    "grpc.enable_http_proxy": 0,
  });
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const path = `/${definition.fullName}/${method.name}`;
    const serialize = (request: unknown) => Buffer.from(method.requestType.encode(request).finish());
    const deserialize = (bytes: Buffer) => method.responseType.decode(bytes);
    const isEncrypted = target.credentials._isSecure();
    const failure = (error: ServiceError) => toCliError(error, client, { address: target.address, isEncrypted });
    const complete = (method.requestType as { fromPartial?(partial: unknown): unknown }).fromPartial;
    const request = (partial: unknown) => (complete === undefined ? partial : complete(partial));

    function unary(partial: unknown, options: RpcCallOptions = {}): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const call = client.makeUnaryRequest(
          path,
          serialize,
          deserialize,
          request(partial),
          new Metadata(),
          callOptions(options, clock),
          (error, response) => (error === null ? resolve(response) : reject(failure(error))),
        );
        cancelOn(options.signal, call);
      });
    }

    async function* serverStream(partial: unknown, options: RpcCallOptions = {}): AsyncIterable<unknown> {
      const call = client.makeServerStreamRequest(
        path,
        serialize,
        deserialize,
        request(partial),
        new Metadata(),
        callOptions(options, clock),
      );
      cancelOn(options.signal, call);
      try {
        yield* call;
      } catch (error) {
        if (!options.signal?.aborted) throw failure(error as ServiceError);
      }
    }

    return [name, method.responseStream ? serverStream : unary];
  });
  return { api: Object.fromEntries(methods) as RpcClient<Definition>, close: () => client.close() };
}

function callOptions({ timeoutMs }: RpcCallOptions, clock: Clock): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: clock.nowUs() / 1_000 + timeoutMs };
}

function cancelOn(signal: AbortSignal | undefined, call: Pick<ClientUnaryCall, "cancel">): void {
  if (signal?.aborted) call.cancel();
  else signal?.addEventListener("abort", () => call.cancel(), { once: true });
}

const codeNames = new Map(Object.entries(rpcCodes).map(([name, code]) => [code as number, name as RpcCode]));

function toCliError(error: ServiceError, client: Client, target: { address: string; isEncrypted: boolean }): CliError {
  const code = codeNames.get(error.code) ?? "UNKNOWN";
  // Both codes come from the server, too; but then the connection stands.
  const mayBeLocal = code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED";
  if (mayBeLocal && client.getChannel().getConnectivityState(false) !== connectivityState.READY) {
    return new CliError("UNREACHABLE", unreachable(error.details, target), { cause: error });
  }
  return new CliError(code === "OK" ? "UNKNOWN" : code, error.details, { cause: error });
}
