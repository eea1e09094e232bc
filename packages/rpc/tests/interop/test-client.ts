import type { EventEmitter } from "node:events";
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js";
import type { MethodDefinition } from "../../service.ts";

/** What another program would call a service on this machine with: grpc-js's client. */
export class TestClient extends Client {
  readonly #service: string;

  /** @param service with its package, such as `grpc.testing.TestService` */
  constructor(service: string, port: number, security: ChannelCredentials, options: ChannelOptions = {}) {
    super(`localhost:${port}`, security, { "grpc.enable_retries": 0, ...options });
    this.#service = service;
  }

  unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    metadata = new Metadata(),
    options: CallOptions = {},
  ): Promise<Answer<Response>> {
    const { path, encode, decode } = this.#codec(method);
    const response = Promise.withResolvers<Response[]>();
    const call = this.makeUnaryRequest(path, encode, decode, request, metadata, options, oneOrNone(response.resolve));
    return answerOf(call, response.promise);
  }

  serverStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    metadata = new Metadata(),
    options: CallOptions = {},
  ): ClientReadableStream<Response> {
    const { path, encode, decode } = this.#codec(method);
    return this.makeServerStreamRequest(path, encode, decode, request, metadata, options);
  }

  clientStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    metadata = new Metadata(),
    options: CallOptions = {},
  ): { requests: ClientWritableStream<Request>; answer: Promise<Answer<Response>> } {
    const { path, encode, decode } = this.#codec(method);
    const response = Promise.withResolvers<Response[]>();
    const requests = this.makeClientStreamRequest(path, encode, decode, metadata, options, oneOrNone(response.resolve));
    return { requests, answer: answerOf(requests, response.promise) };
  }

  bidiStream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    metadata = new Metadata(),
    options: CallOptions = {},
  ): ClientDuplexStream<Request, Response> {
    const { path, encode, decode } = this.#codec(method);
    return this.makeBidiStreamRequest(path, encode, decode, metadata, options);
  }

  #codec<Request, Response>({ name, requestType, responseType }: MethodDefinition<Request, Response>) {
    return {
      path: `/${this.#service}/${name}`,
      encode: (request: Request) => Buffer.from(requestType.encode(request).finish()),
      decode: (bytes: Buffer) => responseType.decode(bytes),
    };
  }
}

/** How a call went, as its caller sees it. */
interface Answer<Response> {
  /** Code, message, and as its metadata the trailers. */
  readonly status: StatusObject;
  readonly headers: Metadata;
  readonly responses: readonly Response[];
}

/** Reads a call's responses to the end; whatever status that is, it is an answer and no error. */
export function answerTo<Response>(
  call: ClientReadableStream<Response> | ClientDuplexStream<never, Response>,
): Promise<Answer<Response>> {
  const responses: Response[] = [];
  call.on("data", (response: Response) => responses.push(response));
  call.on("error", () => undefined);
  const ended = new Promise<Response[]>((resolve) => call.once("end", () => resolve(responses)));
  return answerOf(call, ended);
}

async function answerOf<Response>(call: EventEmitter, responses: Promise<Response[]>): Promise<Answer<Response>> {
  let headers = new Metadata();
  call.once("metadata", (metadata: Metadata) => {
    headers = metadata;
  });
  const status = new Promise<StatusObject>((resolve) => call.once("status", resolve));
  return { status: await status, headers, responses: await responses };
}

function oneOrNone<Response>(resolve: (responses: Response[]) => void) {
  return (_error: unknown, response?: Response) => resolve(response === undefined ? [] : [response]);
}
