import type { X509Certificate } from "node:crypto";
import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { RpcCode } from "./status.ts";

/** Encodes and decodes one message type; what ts-proto generates. */
export interface MessageType<T> {
  encode(message: T, writer?: BinaryWriter): { finish(): Uint8Array };
  decode(input: BinaryReader | Uint8Array): T;
}

/** One method of a service; what ts-proto generates with `outputServices=generic-definitions`. */
export interface MethodDefinition<Request = unknown, Response = unknown> {
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageType<Response>;
  readonly responseStream: boolean;
}

export interface ServiceDefinition {
  /** With its package, e.g. `realchat.presence.v1.PresenceApi`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

/** What a handler may know of the call it answers. Nothing here costs anything until it is asked for. */
export interface CallContext {
  /** `package.Service/Method`. */
  readonly method: string;
  /** Address and port of the caller's connection; the same for all calls on one connection. */
  readonly peer: string;
  /** The caller's connection, the same object for all its calls: a key for what is known of it. */
  readonly connection: object;
  /** The certificate of the caller's connection, which `clientCa` signed; undefined without mutual TLS. */
  readonly peerCertificate: X509Certificate | undefined;
  /**
   * Aborts when the caller cancels, its deadline passes, its connection ends or the server gives up draining; not when
   * the handler ends the call itself. The reason is an RpcError CANCELLED or DEADLINE_EXCEEDED.
   */
  readonly signal: AbortSignal;
  /** First value of a request metadata key (lower case); that of a `-bin` key as its bytes read as UTF-8. */
  metadata(key: string): string | undefined;
  /** First value of a `-bin` key, decoded from base64. */
  binaryMetadata(key: string): Uint8Array | undefined;
  /**
   * Adds metadata that the caller gets before the first response; bytes need a key that ends in `-bin`.
   * @throws TypeError when key or value may not be sent
   * @throws Error when the first response was written already
   */
  addHeader(key: string, value: string | Uint8Array): void;
  /**
   * Adds metadata that the caller gets with the status; bytes need a key that ends in `-bin`.
   * @throws TypeError when key or value may not be sent
   */
  addTrailer(key: string, value: string | Uint8Array): void;
  /** Whether the request that the handler got last came compressed. Of interest to tests: it is decompressed in any case. */
  readonly requestCompressed: boolean;
  /**
   * Whether responses from now on are compressed, if the caller accepts that; false unless set. The first response
   * settles whether any may be.
   */
  compressResponses: boolean;
}

/** The answers of a streaming method, with back-pressure. */
export interface ResponseStream<Response> {
  /**
   * Queues one message. False: the peer reads too slowly, await `drained()` before the next; or the call is over, then
   * the message is dropped. A loop of writes must look at the call's `signal`, or it never ends.
   */
  write(message: Response): boolean;
  /** Resolves when it is time to write again, also when the call is over (see `signal`). */
  drained(): Promise<void>;
}

/** Throws RpcError, or rejects with it, to answer with another status than OK. */
type UnaryHandler<Request, Response> = (request: Request, call: CallContext) => Response | Promise<Response>;
export type ServerStreamHandler<Request, Response> = (
  request: Request,
  responses: ResponseStream<Response>,
  call: CallContext,
) => Promise<void>;
/** The iteration over the requests throws an RpcError when the call is cut off or a request is malformed. */
type ClientStreamHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  call: CallContext,
) => Promise<Response>;
type BidiStreamHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  responses: ResponseStream<Response>,
  call: CallContext,
) => Promise<void>;

type HandlerOf<Method> = Method extends {
  readonly requestType: MessageType<infer Request>;
  readonly requestStream: infer RequestStream;
  readonly responseType: MessageType<infer Response>;
  readonly responseStream: infer ResponseStream;
}
  ? RequestStream extends true
    ? ResponseStream extends true
      ? BidiStreamHandler<Request, Response>
      : ClientStreamHandler<Request, Response>
    : ResponseStream extends true
      ? ServerStreamHandler<Request, Response>
      : UnaryHandler<Request, Response>
  : never;

/** One handler per method of a definition, typed by it. */
export type Handlers<Definition extends ServiceDefinition> = {
  readonly [Name in keyof Definition["methods"]]: HandlerOf<Definition["methods"][Name]>;
};

/** A service ready to be served; made by `implement`. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, unknown>>;
}

/** Joins a definition with its handlers; the compiler finds the forgotten method. */
export function implement<Definition extends ServiceDefinition>(
  definition: Definition,
  handlers: Handlers<Definition>,
): Service {
  return { definition, handlers };
}

/**
 * Told once of every finished call of a method that is served; must not throw. Whether calls of unknown methods are
 * told depends on the engine: grpc-js answers them (UNIMPLEMENTED) where nobody can listen.
 */
export interface CallObserver {
  /** @param durationMs from the request's arrival to the status */
  finished(method: string, code: RpcCode, durationMs: number): void;
}
