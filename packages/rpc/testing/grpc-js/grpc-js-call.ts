import { X509Certificate } from "node:crypto";
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Clock } from "@realchat/presence-runtime";
import { decodeMessage, encodeMessage } from "../../message.ts";
import type { CallContext, CallObserver, MethodDefinition, ResponseStream } from "../../service.ts";
import { type RpcCode, RpcError, rpcCodes } from "../../status.ts";
import { ResponseBacklog } from "./response-backlog.ts";

/** A method with the handler that answers it. */
export interface ServedMethod {
  /** `package.Service/Method`. */
  readonly name: string;
  readonly definition: MethodDefinition;
  /** Takes (request or requests[, responses], call), as `Handlers` types it. */
  readonly handler: (...parameters: unknown[]) => unknown;
}

/** What the calls of one server share. */
export interface CallSurroundings {
  readonly clock: Clock;
  readonly observer: CallObserver | undefined;
  readonly onInternalError: ((method: string, error: unknown) => void) | undefined;
}

/** By peer: grpc-js does not show its connections. They are few in tests. */
const connections = new Map<string, object>();

/**
 * One call, from its metadata to its status, on grpc-js's interceptor interface. That is the one place of grpc-js which
 * also hears of calls that end without a handler's doing; its stream objects, one per call, are not needed then.
 */
export class GrpcJsCall implements CallContext, ResponseStream<unknown> {
  readonly #served: ServedMethod;
  readonly #call: ServerInterceptingCallInterface;
  readonly #surroundings: CallSurroundings;
  readonly #startedMs: number;
  #metadata: Metadata | undefined;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;
  #sentHeaders = false;
  /** Not on this engine: grpc-js does not tell. */
  readonly requestCompressed = false;
  /** Not on this engine: grpc-js compresses by the client's wish or not at all. */
  compressResponses = false;
  /** The one request of a method without request stream. */
  #request: Buffer | undefined;
  #halfClosed = false;
  /** Waits for the next of the request stream's messages. */
  #reader: PromiseWithResolvers<Buffer | undefined> | undefined;
  #backlog: ResponseBacklog | undefined;
  #abort: AbortController | undefined;
  /** How the call ended, as far as this side knows. */
  #code: RpcCode | undefined;
  /** Why nobody waits for the answer any more; undefined also when the handler ended the call itself. */
  #cutOff: RpcError | undefined;

  constructor(served: ServedMethod, call: ServerInterceptingCallInterface, surroundings: CallSurroundings) {
    this.#served = served;
    this.#call = call;
    this.#surroundings = surroundings;
    this.#startedMs = surroundings.clock.monotonicMs();
  }

  start(): void {
    this.#call.start(this);
  }

  // What the handler sees.

  get method(): string {
    return this.#served.name;
  }

  get connection(): object {
    let connection = connections.get(this.peer);
    if (connection === undefined) {
      connection = {};
      connections.set(this.peer, connection);
    }
    return connection;
  }

  get peerCertificate(): X509Certificate | undefined {
    const raw = this.#call.getAuthContext().sslPeerCertificate?.raw;
    return raw && new X509Certificate(raw);
  }

  get peer(): string {
    const { remoteAddress, remotePort } = this.#call.getConnectionInfo();
    return `${remoteAddress}:${remotePort}`;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cutOff !== undefined) this.#abort.abort(this.#cutOff);
    }
    return this.#abort.signal;
  }

  metadata(key: string): string | undefined {
    return this.#metadata?.get(key)[0]?.toString();
  }

  binaryMetadata(key: string): Uint8Array | undefined {
    const value = this.#metadata?.get(key)[0];
    return value instanceof Buffer ? value : undefined;
  }

  addHeader(key: string, value: string | Uint8Array): void {
    if (this.#sentHeaders) throw new Error("the first response was written already");
    this.#headers ??= new Metadata();
    this.#headers.add(key, typeof value === "string" ? value : Buffer.from(value));
  }

  addTrailer(key: string, value: string | Uint8Array): void {
    this.#trailers ??= new Metadata();
    this.#trailers.add(key, typeof value === "string" ? value : Buffer.from(value));
  }

  write(response: unknown): boolean {
    if (this.#code !== undefined) return false;
    this.#backlog ??= new ResponseBacklog();
    const backlog = this.#backlog;
    const bytes = this.#encode(response);
    const hasRoom = backlog.add(bytes.length);
    this.#sendHeaders();
    this.#call.sendMessage(bytes, () => backlog.sent(bytes.length));
    return hasRoom;
  }

  async drained(): Promise<void> {
    if (this.#code === undefined) await this.#backlog?.drained();
  }

  // What grpc-js tells.

  onReceiveMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
    if (this.#served.definition.requestStream) this.#run(() => this.#requests());
    else this.#call.startRead();
  }

  onReceiveMessage(bytes: Buffer): void {
    if (this.#reader !== undefined) {
      this.#reader.resolve(bytes);
    } else if (this.#request === undefined) {
      this.#request = bytes;
      this.#call.startRead();
    } else {
      this.#fail(wrongRequestCount("more than one"));
    }
  }

  onReceiveHalfClose(): void {
    this.#halfClosed = true;
    const request = this.#request;
    if (this.#reader !== undefined) this.#reader.resolve(undefined);
    else if (request === undefined) this.#fail(wrongRequestCount("none"));
    else this.#run(() => decodeMessage(this.#served.definition.requestType, request));
  }

  /** Comes after every call, also after those that ended as they should. */
  onCancel(): void {
    if (this.#code !== undefined) return;
    const code = this.#codeOfEndFromOutside();
    this.#cutOff = callIsOver(code);
    this.#over(code);
    this.#abort?.abort(this.#cutOff);
    this.#reader?.reject(this.#cutOff);
  }

  // How it goes on from there.

  async *#requests(): AsyncGenerator<unknown> {
    for (;;) {
      const bytes = await this.#nextRequest();
      if (bytes === undefined) return;
      yield decodeMessage(this.#served.definition.requestType, bytes);
    }
  }

  async #nextRequest(): Promise<Buffer | undefined> {
    if (this.#code !== undefined) throw callIsOver(this.#code);
    this.#reader = Promise.withResolvers();
    this.#call.startRead();
    const bytes = await this.#reader.promise;
    // A connection that breaks also ends the request stream: what came so far must not pass for all of it.
    if (this.#code !== undefined) throw callIsOver(this.#code);
    return bytes;
  }

  #run(input: () => unknown): void {
    const { definition, handler } = this.#served;
    try {
      const result = definition.responseStream ? handler(input(), this, this) : handler(input(), this);
      if (result instanceof Promise) result.then(this.#answer, this.#fail);
      else this.#answer(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #encode(response: unknown): Buffer {
    const bytes = encodeMessage(this.#served.definition.responseType, response);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readonly #answer = (response: unknown): void => {
    if (this.#code !== undefined) return;
    try {
      if (!this.#served.definition.responseStream) {
        this.#sendHeaders();
        this.#call.sendMessage(this.#encode(response), ignore);
      }
      this.#end("OK", "");
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #fail = (error: unknown): void => {
    // A handler that is cut off throws; nobody is left to hear of it.
    if (this.#code !== undefined) return;
    if (error instanceof RpcError) {
      this.#end(error.code, error.message, error);
    } else {
      this.#surroundings.onInternalError?.(this.#served.name, error);
      this.#end("INTERNAL", "internal error: the server's log has more");
    }
  };

  #end(code: RpcCode, message: string, error?: RpcError): void {
    this.#over(code);
    this.#sendHeaders();
    this.#call.sendStatus({
      code: rpcCodes[code],
      details: message.slice(0, statusMessageMaxLength).toWellFormed(),
      metadata: this.#trailersWith(error),
    });
  }

  #sendHeaders(): void {
    if (this.#headers !== undefined && !this.#sentHeaders) this.#call.sendMetadata(this.#headers);
    this.#sentHeaders = true;
  }

  #trailersWith({ retryAfterMs, details }: Partial<RpcError> = {}): Metadata | null {
    const trailers = this.#trailers ?? new Metadata();
    // Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
    if (retryAfterMs !== undefined) trailers.set("grpc-retry-pushback-ms", String(Math.ceil(retryAfterMs)));
    if (details !== undefined) trailers.set("grpc-status-details-bin", Buffer.from(details));
    return trailers;
  }

  #over(code: RpcCode): void {
    this.#code = code;
    this.#backlog?.release();
    const { observer, clock } = this.#surroundings;
    observer?.finished(this.#served.name, code, clock.monotonicMs() - this.#startedMs);
  }

  /** grpc-js only says that a call is over, not why; the observer shall know nevertheless. */
  #codeOfEndFromOutside(): RpcCode {
    // By the wall clock, a timer may fire up to a millisecond early.
    const isDue = this.#surroundings.clock.nowUs() / 1000 + 1 >= Number(this.#call.getDeadline());
    // A stream that was reset has lost its connection. One that still has it was ended by grpc-js itself: at the
    // deadline, or on a request that it cannot read to its end, nearly always because of the message limit.
    const wasReset = this.#call.getPeer() === "unknown";
    if (wasReset) return isDue ? "DEADLINE_EXCEEDED" : "CANCELLED";
    return isDue || this.#halfClosed ? "DEADLINE_EXCEEDED" : "RESOURCE_EXHAUSTED";
  }
}

/** UNIMPLEMENTED for a "request cardinality violation": https://grpc.io/docs/guides/status-codes/ */
function wrongRequestCount(count: string): RpcError {
  return new RpcError("UNIMPLEMENTED", `this method takes exactly one request message, ${count} came`);
}

function callIsOver(code: RpcCode): RpcError {
  return new RpcError(code, `the call is over: ${code}`);
}

function ignore(): void {}

/** In UTF-16 units; percent-encoded it grows up to ninefold, and clients take 8 KiB to 16 KiB of headers. */
const statusMessageMaxLength = 1_000;
