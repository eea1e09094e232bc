import type { MethodDefinition, ServiceDefinition } from "./definition.ts";

export interface CallOptions {
  /** Milliseconds until the call fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number;
  /** Cancels the call, which then fails with CANCELLED; a stream just ends. */
  readonly signal?: AbortSignal;
  /** Request metadata; keys in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One function per unary or server-streaming method of a definition, typed by it. They reject as their carrier does. */
export type RpcClient<Definition extends ServiceDefinition> = {
  readonly [Name in keyof Definition["methods"]]: ClientMethod<Definition["methods"][Name]>;
};

type ClientMethod<Method> = Method extends {
  readonly requestType: { fromPartial(partial: infer Request): unknown };
  readonly responseType: { decode(input: Uint8Array): infer Response };
  readonly responseStream: infer IsStream;
}
  ? (request: Request, options?: CallOptions) => IsStream extends true ? AsyncIterable<Response> : Promise<Response>
  : never;

/** What carries calls: connections, or a test. */
export interface Carrier {
  unary(method: RpcMethod, request: unknown, options: CallOptions): Promise<unknown>;
  serverStream(method: RpcMethod, request: unknown, options: CallOptions): AsyncIterable<unknown>;
}

/** A method as it goes over the wire. */
export interface RpcMethod {
  /** `/package.Service/Method` */
  readonly path: string;
  serialize(request: unknown): Buffer;
  deserialize(bytes: Buffer): unknown;
}

export function rpcClient<Definition extends ServiceDefinition>(
  definition: Definition,
  carrier: Carrier,
): RpcClient<Definition> {
  const functions = Object.entries(definition.methods).map(([name, declared]) => {
    const method = rpcMethod(definition, declared);
    const call = declared.responseStream
      ? (request: unknown, options: CallOptions = {}) => carrier.serverStream(method, request, options)
      : (request: unknown, options: CallOptions = {}) => carrier.unary(method, request, options);
    return [name, call];
  });
  return Object.fromEntries(functions) as RpcClient<Definition>;
}

function rpcMethod(service: ServiceDefinition, { name, requestType, responseType }: MethodDefinition): RpcMethod {
  return {
    path: `/${service.fullName}/${name}`,
    serialize(request) {
      const { buffer, byteOffset, length } = requestType.encode(requestType.fromPartial(request)).finish();
      return Buffer.from(buffer, byteOffset, length);
    },
    deserialize: (bytes) => responseType.decode(bytes),
  };
}
