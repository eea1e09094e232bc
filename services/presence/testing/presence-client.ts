import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { health, presence, reflection } from "@realchat/presence-proto";
import { type RpcCode, rpcCodes, type ServiceDefinition } from "@realchat/presence-rpc";
import { systemClock } from "@realchat/presence-runtime/clock";

/** The status that a call ended with, unless it was OK. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  readonly code: RpcCode;
  /** The server's retry advice, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(error: ServiceError) {
    super(error.details, { cause: error });
    this.code = codeNames.get(error.code) ?? "UNKNOWN";
    const advice = error.metadata?.get("grpc-retry-pushback-ms")[0];
    this.retryAfterMs = advice === undefined ? undefined : Number(advice);
  }
}

/** A streamed answer. Leaving the loop over it, or `cancel`, ends the call. */
export interface Answers<Response> extends AsyncIterable<Response> {
  cancel(): void;
}

/** A gateway's connection to one node. A call fails at its deadline, or at once if the connection is refused. */
export interface PresenceClient {
  readonly api: ServiceClient<presence.PresenceApiDefinition>;
  readonly health: ServiceClient<health.HealthDefinition>;
  /** Makes one request to the reflection service. */
  reflect(
    question: reflection.ServerReflectionRequest["messageRequest"],
  ): Promise<reflection.ServerReflectionResponse["messageResponse"]>;
  close(): void;
}

/** @param callMaxMs deadline of unary calls, milliseconds from their start */
export function connectPresence(address: string, callMaxMs = 30_000): PresenceClient {
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    // P6 asks gateways to try again within 5 s; the tests' sessions live for 2 s.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 200,
    "grpc.enable_http_proxy": 0,
  });
  return {
    api: clientOf(client, presence.PresenceApiDefinition, callMaxMs),
    health: clientOf(client, health.HealthDefinition, callMaxMs),
    reflect: (question) => reflect(client, question),
    close: () => client.close(),
  };
}

/** One function per unary or server-streaming method. */
type ServiceClient<Definition extends ServiceDefinition> = {
  readonly [Name in keyof Definition["methods"]]: MethodClient<Definition["methods"][Name]>;
};

type MethodClient<Method> = Method extends {
  readonly requestType: { fromPartial(partial: infer Request): unknown };
  readonly responseType: { decode(input: Uint8Array): infer Response };
  readonly responseStream: infer IsStream;
}
  ? (request: Request) => IsStream extends true ? Answers<Response> : Promise<Response>
  : never;

const codeNames = new Map(Object.entries(rpcCodes).map(([name, code]) => [code as number, name as RpcCode]));

function clientOf<Definition extends ServiceDefinition>(
  client: Client,
  definition: Definition,
  callMaxMs: number,
): ServiceClient<Definition> {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const path = `/${definition.fullName}/${method.name}`;
    const { fromPartial } = method.requestType as unknown as { fromPartial(partial: unknown): unknown };
    const serialize = (partial: unknown) => Buffer.from(method.requestType.encode(fromPartial(partial)).finish());
    const deserialize = (bytes: Buffer) => method.responseType.decode(bytes);

    const unary = (request: unknown) =>
      new Promise((resolve, reject) => {
        const options = { deadline: systemClock.nowUs() / 1_000 + callMaxMs };
        client.makeUnaryRequest(path, serialize, deserialize, request, new Metadata(), options, (error, response) => {
          if (error === null) resolve(response);
          else reject(new CallFailure(error));
        });
      });

    const stream = (request: unknown): Answers<unknown> => {
      const call = client.makeServerStreamRequest(path, serialize, deserialize, request);
      // The stream keeps an error until it is iterated, and throws it then.
      call.on("error", () => {});
      return {
        cancel: () => call.cancel(),
        async *[Symbol.asyncIterator]() {
          try {
            yield* call;
          } catch (error) {
            throw new CallFailure(error as ServiceError);
          } finally {
            call.cancel();
          }
        },
      };
    };
    return [name, method.responseStream ? stream : unary];
  });
  return Object.fromEntries(methods);
}

async function reflect(
  client: Client,
  question: reflection.ServerReflectionRequest["messageRequest"],
): Promise<reflection.ServerReflectionResponse["messageResponse"]> {
  const { fullName, methods } = reflection.ServerReflectionDefinition;
  const { name, requestType, responseType } = methods.serverReflectionInfo;
  const call = client.makeBidiStreamRequest(
    `/${fullName}/${name}`,
    (request: reflection.ServerReflectionRequest) => Buffer.from(requestType.encode(request).finish()),
    (bytes) => responseType.decode(bytes),
  );
  call.end({ host: "", messageRequest: question });
  for await (const { messageResponse } of call as AsyncIterable<reflection.ServerReflectionResponse>) {
    return messageResponse;
  }
  throw new Error("the reflection service answered nothing");
}
