import type { X509Certificate } from "node:crypto";
import type { Clock } from "@realchat/presence-runtime";
import type { StreamLoss } from "../connection/stream-end.ts";
import type { HeaderPair } from "../hpack/encoder.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import { decodeMessage, encodeMessage } from "../message.ts";
import type { CallContext, CallObserver, ResponseStream } from "../service.ts";
import { type RpcCode, RpcError } from "../status.ts";
import type { RequestStream, StreamHandler } from "../stream/stream-handler.ts";
import { type CallState, isOver } from "./call-state.ts";
import { compress, decompress, MessageTooLarge } from "./compression.ts";
import { type Deadlines, nowhere, type Timed } from "./deadlines.ts";
import { type FramedMessage, MessageReader, type MessageSink, soleMessage } from "./message-reader.ts";
import type { RequestHead } from "./request-fields.ts";
import { binaryValue, textValue } from "./request-metadata.ts";
import { endsWithin, RequestQueue, tooMuchIncomplete } from "./request-queue.ts";
import { base64, headersWith, metadataPair, okTrailers, plainHeaders, trailersWith } from "./response-fields.ts";
import type { ServedMethod } from "./served-method.ts";

/** What the calls of one server share. */
export interface CallSurroundings {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly messageMaxBytes: number;
  readonly observer: CallObserver | undefined;
  readonly onInternalError: ((method: string, error: unknown, call: CallContext) => void) | undefined;
}

const none: readonly never[] = [];
/** Of the message that is being sent: flag and length. Copied at once. */
const prefix = Buffer.alloc(5);

/** One call, from its request to its status. */
export class Call implements CallContext, ResponseStream<unknown>, StreamHandler, MessageSink, Timed {
  readonly deadlineMs: number;
  slot = nowhere;
  previous: Timed | undefined = undefined;
  next: Timed | undefined = undefined;
  compressResponses = false;
  requestCompressed = false;

  readonly #served: ServedMethod;
  readonly #stream: RequestStream;
  readonly #fields: readonly HeaderField[];
  readonly #isRequestEncoded: boolean;
  readonly #takesGzip: boolean;
  readonly #surroundings: CallSurroundings;
  readonly #startedMs: number;
  #reader: MessageReader | undefined;
  /** The one request of a method without request stream. */
  #request: FramedMessage | undefined;
  #requests: RequestQueue | undefined;
  #headers: HeaderPair[] | undefined;
  #trailers: HeaderPair[] | undefined;
  #state: CallState = "receiving";
  /** What the response's fields said of its messages; undefined: they are not sent yet. */
  #responseEncoding: "identity" | "gzip" | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #abort: AbortController | undefined;
  /** Of a call that is cut off: the reason. */
  #cutOff: RpcError | undefined;

  constructor(
    served: ServedMethod,
    stream: RequestStream,
    fields: readonly HeaderField[],
    head: RequestHead,
    surroundings: CallSurroundings,
  ) {
    this.#served = served;
    this.#stream = stream;
    this.#fields = fields;
    this.#isRequestEncoded = head.encoding !== "identity";
    this.#takesGzip = head.takesGzip;
    this.#surroundings = surroundings;
    this.#startedMs = stream.connection.heardMs;
    this.deadlineMs = this.#startedMs + (head.timeoutMs as number);
  }

  /** Begins a call whose handler does not wait for its request, or refuses one that comes too late. */
  start(): void {
    if (this.deadlineMs === this.#startedMs) {
      this.deadlinePassed();
      return;
    }
    if (this.deadlineMs !== Number.POSITIVE_INFINITY) this.#surroundings.deadlines.add(this);
    if (this.#served.definition.requestStream) this.#run();
  }

  // What the handler sees.

  get method(): string {
    return this.#served.name;
  }

  get peer(): string {
    return this.#stream.connection.peer;
  }

  get connection(): object {
    return this.#stream.connection;
  }

  get peerCertificate(): X509Certificate | undefined {
    return this.#stream.connection.peerCertificate;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cutOff !== undefined) this.#abort.abort(this.#cutOff);
    }
    return this.#abort.signal;
  }

  metadata(key: string): string | undefined {
    return textValue(this.#fields, key);
  }

  binaryMetadata(key: string): Uint8Array | undefined {
    return binaryValue(this.#fields, key);
  }

  addHeader(key: string, value: string | Uint8Array): void {
    if (this.#responseEncoding !== undefined) throw new Error("the first response was written already");
    this.#headers ??= [];
    this.#headers.push(metadataPair(key, value));
  }

  addTrailer(key: string, value: string | Uint8Array): void {
    this.#trailers ??= [];
    this.#trailers.push(metadataPair(key, value));
  }

  write(response: unknown): boolean {
    if (isOver(this.#state)) return false;
    this.#send(encodeMessage(this.#served.definition.responseType, response));
    return this.#stream.hasRoom;
  }

  async drained(): Promise<void> {
    if (isOver(this.#state) || this.#stream.hasRoom) return;
    this.#room ??= Promise.withResolvers();
    this.#stream.waitForRoom();
    await this.#room.promise;
  }

  // What the stream tells.

  data(bytes: Buffer, start: number, end: number): void {
    if (isOver(this.#state)) {
      this.#stream.consumed(end - start);
      return;
    }
    if (this.#requests !== undefined) {
      this.#requests.push(bytes, start, end);
      return;
    }
    this.#stream.consumed(end - start);
    const { messageMaxBytes } = this.#surroundings;
    try {
      const sole = this.#reader === undefined ? soleMessage(bytes, start, end, messageMaxBytes) : undefined;
      if (sole !== undefined) {
        this.take(sole);
      } else {
        this.#reader ??= new MessageReader(messageMaxBytes);
        this.#reader.push(bytes, start, end, this);
      }
      const retainedBytes = (this.#reader?.partialBytes ?? 0) + (this.#request?.bytes.length ?? 0);
      if (!this.#stream.retain(retainedBytes)) throw tooMuchIncomplete();
    } catch (error) {
      this.#requestIsBroken(error as RpcError);
    }
  }

  ended(): void {
    if (isOver(this.#state)) return;
    if (this.#requests !== undefined) this.#requests.end();
    else if (this.#reader !== undefined && this.#reader.partialBytes > 0) this.#requestIsBroken(endsWithin());
    else if (this.#request === undefined) this.#requestIsBroken(wrongRequestCount("none"));
    else this.#requestIsComplete();
  }

  writable(): void {
    if (this.#state === "complete") {
      this.#run();
      return;
    }
    this.#room?.resolve();
    this.#room = undefined;
  }

  lost(why: StreamLoss): void {
    if (isOver(this.#state)) return;
    const isDue = this.#surroundings.clock.monotonicMs() + 1 >= this.deadlineMs;
    const hasHandler = this.#state === "running";
    this.#cutOffWith(isDue && why === "reset by peer" ? "DEADLINE_EXCEEDED" : "CANCELLED");
    if (!hasHandler) this.#stream.handled();
  }

  deadlinePassed(): void {
    const hasHandler = this.#state === "running";
    this.#cutOffWith("DEADLINE_EXCEEDED");
    this.#sendStatus("DEADLINE_EXCEEDED", "the deadline has passed", none);
    if (!hasHandler) this.#stream.handled();
  }

  // How it goes on from there.

  take(message: FramedMessage): void {
    if (this.#request !== undefined) throw wrongRequestCount("more than one");
    this.#request = message;
  }

  #requestIsComplete(): void {
    this.#state = "complete";
    if (this.#stream.hasRoom) this.#run();
    else this.#stream.waitForRoom();
  }

  /** The one request; a handler that reads several finds the fault where it has got to. */
  #requestIsBroken(error: RpcError): void {
    this.#fail(error);
    this.#stream.handled();
  }

  #run(): void {
    const { definition, handler } = this.#served;
    this.#state = "running";
    this.#stream.retain(0);
    let result: unknown;
    try {
      const input = definition.requestStream ? this.#openRequests() : this.#decode(this.#request as FramedMessage);
      result = definition.responseStream ? handler(input, this, this) : handler(input, this);
    } catch (error) {
      this.#fail(error);
      this.#stream.handled();
      return;
    }
    if (!(result instanceof Promise)) {
      this.#answer(result);
      this.#stream.handled();
      return;
    }
    result.then(
      (response) => {
        this.#answer(response);
        this.#stream.handled();
      },
      (error) => {
        this.#fail(error);
        this.#stream.handled();
      },
    );
  }

  #openRequests(): AsyncIterable<unknown> {
    this.#requests = new RequestQueue(this.#stream, this.#surroundings.messageMaxBytes);
    return this.#decoded(this.#requests);
  }

  async *#decoded(requests: RequestQueue): AsyncGenerator<unknown> {
    for (;;) {
      const message = await requests.next();
      if (message === undefined) return;
      yield this.#decode(message);
    }
  }

  #decode({ bytes, isCompressed }: FramedMessage): unknown {
    if (isCompressed && !this.#isRequestEncoded) {
      throw new RpcError("INTERNAL", "a message is compressed, and grpc-encoding does not say how");
    }
    this.requestCompressed = isCompressed;
    const message = isCompressed ? decompress(bytes, this.#surroundings.messageMaxBytes) : bytes;
    return decodeMessage(this.#served.definition.requestType, message);
  }

  #answer(response: unknown): void {
    if (isOver(this.#state)) return;
    if (!this.#served.definition.responseStream) {
      try {
        this.#send(encodeMessage(this.#served.definition.responseType, response));
      } catch (error) {
        this.#fail(error);
        return;
      }
    }
    this.#end("answered", "OK");
    this.#sendStatus("OK", "", this.#trailers ?? none);
  }

  #fail(error: unknown): void {
    // A handler that is cut off throws; nobody is left to hear of it.
    if (isOver(this.#state)) return;
    const trailers = this.#trailers ?? none;
    if (error instanceof MessageTooLarge) this.#stream.connection.limitHit("messageMaxBytes");
    if (error instanceof RpcError) {
      this.#end("answered", error.code);
      this.#sendStatus(error.code, error.message, [...trailers, ...statusTrailers(error)]);
    } else {
      this.#surroundings.onInternalError?.(this.#served.name, error, this);
      this.#end("answered", "INTERNAL");
      this.#sendStatus("INTERNAL", "internal error: the server's log has more", trailers);
    }
  }

  #send(message: Uint8Array): void {
    if (this.#responseEncoding === undefined) this.#sendHeaders();
    const compressed = this.#responseEncoding === "gzip" && this.compressResponses ? compress(message) : undefined;
    const body = compressed ?? message;
    prefix[0] = compressed === undefined ? 0 : 1;
    prefix.writeUInt32BE(body.length, 1);
    this.#stream.sendData(prefix, body);
  }

  #sendHeaders(): void {
    const isGzip = this.compressResponses && this.#takesGzip;
    this.#responseEncoding = isGzip ? "gzip" : "identity";
    const isPlain = !isGzip && this.#headers === undefined;
    this.#stream.sendHeaders(isPlain ? plainHeaders : headersWith(isGzip, this.#headers ?? none), false);
  }

  #sendStatus(code: RpcCode, message: string, trailers: readonly HeaderPair[]): void {
    if (this.#headers !== undefined && this.#responseEncoding === undefined) this.#sendHeaders();
    const hasHeaders = this.#responseEncoding !== undefined;
    const isUsual = hasHeaders && code === "OK" && trailers.length === 0;
    this.#stream.end(isUsual ? okTrailers : trailersWith(code, message, trailers, !hasHeaders));
  }

  #cutOffWith(code: RpcCode): void {
    this.#cutOff = callIsOver(code);
    this.#end("cut off", code);
    this.#abort?.abort(this.#cutOff);
    this.#requests?.fail(this.#cutOff);
  }

  #end(state: "answered" | "cut off", code: RpcCode): void {
    this.#state = state;
    const { observer, clock, deadlines } = this.#surroundings;
    deadlines.remove(this);
    this.#room?.resolve();
    observer?.finished(this.#served.name, code, clock.monotonicMs() - this.#startedMs);
  }
}

/** UNIMPLEMENTED for a "request cardinality violation": https://grpc.io/docs/guides/status-codes/ */
function wrongRequestCount(count: string): RpcError {
  return new RpcError("UNIMPLEMENTED", `this method takes exactly one request message, ${count} came`);
}

function callIsOver(code: RpcCode): RpcError {
  return new RpcError(code, `the call is over: ${code}`);
}

/** Source of the first: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback */
function* statusTrailers({ retryAfterMs, details }: RpcError): Iterable<HeaderPair> {
  if (retryAfterMs !== undefined) yield ["grpc-retry-pushback-ms", String(Math.ceil(retryAfterMs))];
  if (details !== undefined) yield ["grpc-status-details-bin", base64(details)];
}
