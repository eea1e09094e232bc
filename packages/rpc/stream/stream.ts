import type { Connection } from "../connection/connection.ts";
import { Standstill } from "../connection/standstill.ts";
import { type StreamEnd, StreamError, type StreamLoss } from "../connection/stream-end.ts";
import {
  ConnectionError,
  frameFlags,
  frameHeadBytes,
  framePayloadMaxBytes,
  frameTypes,
  windowMaxBytes,
  windowUsualBytes,
} from "../frame/frame.ts";
import { writeFrameHead, writeWindowUpdate } from "../frame/frame-writer.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import { ByteQueue } from "./byte-queue.ts";
import { checkRequest, checkTrailers } from "./request-rules.ts";
import type { RequestAcceptor, RequestStream, StreamHandler } from "./stream-handler.ts";
import { afterData, afterHeaders, type StreamState } from "./stream-state.ts";

/** Output of one stream that may wait before its producer is asked to. */
const roomBytes = windowUsualBytes;
/** A response that ends without any. */
const noTrailers: Uint8Array = new Uint8Array(0);

/** One request and its response: the states of RFC 9113 §5.1, and both windows of §5.2. */
export class Stream implements StreamEnd, RequestStream {
  readonly id: number;
  readonly connection: Connection;
  readonly #acceptor: RequestAcceptor;
  #state: StreamState = "idle";
  /** Undefined for a request that was answered without one. */
  #handler: StreamHandler | undefined;
  /** A handler may be at work on a stream that is closed, and be done with one that still sends. */
  #isHandled = false;
  #contentLength = -1;
  #receivedBytes = 0;
  #receiveWindow: number;
  /** Received, and not yet consumed by the handler. */
  #heldBytes = 0;
  /** Consumed, and retained for as long as the request is not complete. */
  #retainedBytes = 0;
  /** Consumed, and not yet given back to the peer's window. */
  #consumedBytes = 0;
  #sendWindow: number;
  #queue: ByteQueue | undefined;
  #sentBytes = 0;
  /** What ends the response, once all of its data is sent; undefined: there is more to come. */
  #ending: Uint8Array | undefined;
  #standstill: Standstill | undefined;

  constructor(connection: Connection, id: number, acceptor: RequestAcceptor) {
    this.connection = connection;
    this.id = id;
    this.#acceptor = acceptor;
    this.#receiveWindow = connection.streamWindowBytes;
    this.#sendWindow = connection.peerSettings.initialWindowBytes;
  }

  // What a handler needs: RequestStream says what it means.

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  get hasRoom(): boolean {
    const waiting = this.#waitingBytes;
    const { flow } = this.connection;
    // A stream with nothing waiting goes on: those that the peer does not read must not hold up the others.
    return waiting === 0 ? !flow.isCongested : waiting < roomBytes && flow.hasRoom;
  }

  waitForRoom(): void {
    this.connection.flow.waitForRoom(this);
  }

  consumed(bytes: number): void {
    this.#heldBytes -= bytes;
    this.connection.flow.consumed(bytes);
    this.#consumedBytes += bytes;
    if (this.#state !== "open") return;
    if (this.#consumedBytes < this.connection.limits.streamWindowBytes / 2) return;
    writeWindowUpdate(this.connection.output, this.id, this.#consumedBytes);
    this.#receiveWindow += this.#consumedBytes;
    this.#consumedBytes = 0;
  }

  retain(bytes: number): boolean {
    if (this.isClosed) return true;
    const change = bytes - this.#retainedBytes;
    this.#retainedBytes = bytes;
    if (this.connection.flow.retained(change)) return true;
    this.connection.limitHit("incompleteMaxBytes");
    return false;
  }

  sendHeaders(fields: Uint8Array, endStream: boolean): void {
    if (this.isClosed) return;
    const { output } = this.connection;
    const block = this.#withTableUpdate(fields);
    let type: number = frameTypes.HEADERS;
    let flags: number = endStream ? frameFlags.END_STREAM : 0;
    for (let at = 0; at < block.length || type === frameTypes.HEADERS; ) {
      const length = Math.min(block.length - at, framePayloadMaxBytes);
      if (at + length === block.length) flags |= frameFlags.END_HEADERS;
      const to = output.take(frameHeadBytes + length);
      writeFrameHead(output.buffer, to, length, type, flags, this.id);
      output.buffer.set(block.subarray(at, at + length), to + frameHeadBytes);
      at += length;
      type = frameTypes.CONTINUATION;
      flags = 0;
    }
    if (endStream) this.#sentAll();
  }

  sendData(prefix: Uint8Array, body: Uint8Array): void {
    if (this.isClosed) return;
    const bytes = prefix.length + body.length;
    const { flow } = this.connection;
    const fits = bytes <= this.#sendWindow && bytes <= flow.sendWindow && bytes <= framePayloadMaxBytes;
    if (fits && this.#waitingBytes === 0 && !flow.isCongested) {
      const at = this.#beginData(bytes);
      const { buffer } = this.connection.output;
      buffer.set(prefix, at);
      buffer.set(body, at + prefix.length);
      return;
    }
    this.#queue ??= new ByteQueue();
    this.#queue.push(prefix);
    this.#queue.push(body);
    flow.queued(bytes);
    flow.waitForRoom(this);
    this.#pumpAll();
  }

  end(trailers = noTrailers): void {
    this.#ending = trailers;
    if (this.#waitingBytes === 0) this.#sendEnd(trailers);
  }

  handled(): void {
    if (this.#isHandled) return;
    this.#isHandled = true;
    this.#release();
  }

  // What the connection tells.

  headers(fields: HeaderField[], listBytes: number, endStream: boolean): void {
    const isRequest = this.#state === "idle";
    this.#state = afterHeaders(this.#state, endStream);
    if (!isRequest) {
      checkTrailers(fields);
      this.#requestEnded();
      return;
    }
    if (listBytes > this.connection.limits.headerListMaxBytes) {
      this.connection.limitHit("headerListMaxBytes");
      this.#acceptor.refuseFields(this);
      this.handled();
      return;
    }
    this.#contentLength = checkRequest(fields);
    this.#handler = this.#acceptor.accept(this, fields);
    if (this.#handler === undefined) {
      this.handled();
      return;
    }
    if (endStream) this.#requestEnded();
  }

  data(bytes: Buffer, start: number, end: number, windowBytes: number, endStream: boolean): void {
    this.#heldBytes += windowBytes;
    this.#state = afterData(this.#state, endStream);
    this.#receiveWindow -= windowBytes;
    if (this.#receiveWindow < 0) {
      this.connection.limitHit("streamWindowBytes");
      throw new StreamError("FLOW_CONTROL_ERROR", "beyond the stream's window");
    }
    this.#receivedBytes += end - start;
    if (this.#contentLength !== -1 && this.#receivedBytes > this.#contentLength) throw wrongLength();
    if (windowBytes > end - start) this.consumed(windowBytes - (end - start));
    if (end > start) this.#handler?.data(bytes, start, end);
    if (endStream) this.#requestEnded();
  }

  windowUpdate(increment: number): void {
    if (increment === 0) throw new StreamError("PROTOCOL_ERROR", "WINDOW_UPDATE by nothing");
    this.#sendWindow += increment;
    if (this.#sendWindow > windowMaxBytes) throw new StreamError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    if (this.#waitingBytes > 0) this.#pumpAll();
  }

  initialWindowChanged(difference: number): void {
    this.#sendWindow += difference;
    if (this.#sendWindow > windowMaxBytes) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
  }

  lost(why: StreamLoss): void {
    if (this.isClosed) return;
    // A malformed request never got a handler.
    if (this.#handler === undefined) this.#isHandled = true;
    this.#close();
    this.#handler?.lost(why);
  }

  pump(): boolean {
    const { flow } = this.connection;
    if (flow.isCongested) return false;
    const waiting = this.#waitingBytes;
    if (waiting > 0) {
      const bytes = Math.min(waiting, this.#sendWindow, flow.sendWindow, framePayloadMaxBytes);
      if (bytes <= 0) return false;
      const at = this.#beginData(bytes);
      this.#queue?.take(bytes, this.connection.output.buffer, at);
      flow.queued(-bytes);
    }
    if (this.#waitingBytes > 0) {
      if (this.hasRoom) this.#handler?.writable();
      return true;
    }
    flow.removeWaiter(this);
    if (this.#ending !== undefined) this.#sendEnd(this.#ending);
    else this.#handler?.writable();
    return false;
  }

  tick(nowMs: number): void {
    this.#standstill ??= new Standstill();
    const state = this.#waitingBytes === 0 ? undefined : this.#sentBytes;
    if (this.#standstill.lastsMs(state, nowMs) <= this.connection.limits.progressTimeoutMs) return;
    this.connection.limitHit("progressTimeoutMs");
    this.connection.reset(this, "CANCEL");
    this.lost("reset by us");
  }

  #pumpAll(): void {
    for (let goesOn = true; goesOn; ) goesOn = this.pump();
  }

  #sendEnd(trailers: Uint8Array): void {
    if (trailers !== noTrailers) {
      this.sendHeaders(trailers, true);
    } else if (!this.isClosed) {
      const { output } = this.connection;
      const at = output.take(frameHeadBytes);
      writeFrameHead(output.buffer, at, 0, frameTypes.DATA, frameFlags.END_STREAM, this.id);
      this.#sentAll();
    }
  }

  #withTableUpdate(fields: Uint8Array): Uint8Array {
    const { peerSettings } = this.connection;
    if (!peerSettings.owesTableUpdate) return fields;
    peerSettings.owesTableUpdate = false;
    // To zero, once and for all: what we send needs no table.
    return Buffer.concat([Buffer.from([0x20]), fields]);
  }

  get #waitingBytes(): number {
    return this.#queue === undefined ? 0 : this.#queue.bytes;
  }

  /** @returns where in the output's buffer the frame's payload goes */
  #beginData(bytes: number): number {
    const { connection } = this;
    const at = connection.output.take(frameHeadBytes + bytes);
    writeFrameHead(connection.output.buffer, at, bytes, frameTypes.DATA, 0, this.id);
    this.#sendWindow -= bytes;
    this.#sentBytes += bytes;
    connection.sentData(bytes);
    return at + frameHeadBytes;
  }

  #requestEnded(): void {
    if (this.isClosed) return;
    if (this.#contentLength !== -1 && this.#receivedBytes !== this.#contentLength) throw wrongLength();
    this.#handler?.ended();
  }

  #sentAll(): void {
    // First: with its last stream, a connection that drains ends.
    if (this.#state === "half-closed") this.connection.forget(this);
    else this.connection.reset(this, "NO_ERROR");
    this.#close();
  }

  #close(): void {
    const { flow } = this.connection;
    this.#state = "closed";
    flow.queued(-this.#waitingBytes);
    flow.retained(-this.#retainedBytes);
    this.#queue = undefined;
    if (this.#heldBytes > 0) flow.consumed(this.#heldBytes);
    this.#release();
  }

  #release(): void {
    if (this.isClosed && this.#isHandled) this.connection.released();
  }
}

function wrongLength(): StreamError {
  return new StreamError("PROTOCOL_ERROR", "DATA and content-length differ");
}
