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
import type { RequestAcceptor, StreamHandler } from "./stream-handler.ts";

/** Output of one stream that may wait before its producer is asked to. */
const roomBytes = windowUsualBytes;

/** One request and its response: the states of RFC 9113 §5.1 from `open` on, and both windows of §5.2. */
export class Stream implements StreamEnd {
  readonly id: number;
  readonly connection: Connection;
  readonly #acceptor: RequestAcceptor;
  #handler: StreamHandler | undefined;
  #isAccepted = false;
  /** The caller has sent all of his request. */
  #remoteClosed = false;
  /** Nothing goes either way any more. */
  #isOver = false;
  #isHandled = false;
  #contentLength = -1;
  #receivedBytes = 0;
  #receiveWindow: number;
  /** Received, and not yet consumed by the handler. */
  #heldBytes = 0;
  /** Consumed, and kept for as long as the request is not complete. */
  #incompleteBytes = 0;
  /** Consumed, and not yet told to the caller. */
  #consumedBytes = 0;
  #sendWindow: number;
  #queue: ByteQueue | undefined;
  #sentBytes = 0;
  #isEnding = false;
  #trailers: Uint8Array | undefined;
  #standstill: Standstill | undefined;

  constructor(connection: Connection, id: number, acceptor: RequestAcceptor) {
    this.connection = connection;
    this.id = id;
    this.#acceptor = acceptor;
    this.#receiveWindow = connection.streamWindowBytes;
    this.#sendWindow = connection.peerSettings.initialWindowBytes;
  }

  // What a handler needs.

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether a producer may go on. If not: `waitForRoom`. */
  get hasRoom(): boolean {
    const waiting = this.#waitingBytes;
    // Whoever has nothing waiting goes on: streams that the caller holds up must not hold up the others.
    return waiting === 0 ? !this.connection.isCongested : waiting < roomBytes && this.connection.hasRoom;
  }

  /** Has the handler's `writable` called when there is room. */
  waitForRoom(): void {
    this.connection.waitForRoom(this);
  }

  consumed(bytes: number): void {
    this.#heldBytes -= bytes;
    this.connection.consumed(bytes);
    this.#consumedBytes += bytes;
    if (this.#remoteClosed || this.#isOver) return;
    if (this.#consumedBytes < this.connection.limits.streamWindowBytes / 2) return;
    writeWindowUpdate(this.connection.output, this.id, this.#consumedBytes);
    this.#receiveWindow += this.#consumedBytes;
    this.#consumedBytes = 0;
  }

  /**
   * What a handler keeps of a request that is not complete, though it was consumed.
   * @returns whether there is room for that among all that the connection keeps
   */
  keeps(bytes: number): boolean {
    if (this.#isOver) return true;
    const { connection } = this;
    connection.incompleteBytes += bytes - this.#incompleteBytes;
    this.#incompleteBytes = bytes;
    if (connection.incompleteBytes <= connection.limits.incompleteMaxBytes) return true;
    connection.limitHit("incompleteMaxBytes");
    return false;
  }

  /** @param fields encoded without a table but the static one; not while data still waits */
  sendHeaders(fields: Uint8Array, endStream: boolean): void {
    if (this.#isOver) return;
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

  /** Sends two pieces as one; they wait if a window is too small, and must not change. */
  sendData(prefix: Uint8Array, body: Uint8Array): void {
    if (this.#isOver) return;
    const bytes = prefix.length + body.length;
    const { connection } = this;
    const fits = bytes <= this.#sendWindow && bytes <= connection.sendWindow && bytes <= framePayloadMaxBytes;
    if (fits && this.#waitingBytes === 0 && !connection.isCongested) {
      const at = this.#beginData(bytes);
      const { buffer } = connection.output;
      buffer.set(prefix, at);
      buffer.set(body, at + prefix.length);
      return;
    }
    this.#queue ??= new ByteQueue();
    this.#queue.push(prefix);
    this.#queue.push(body);
    connection.queuedBytes += bytes;
    connection.waitForRoom(this);
    this.#pumpAll();
  }

  /** Ends the response, after whatever still waits; undefined: without trailers. */
  end(trailers?: Uint8Array): void {
    this.#trailers = trailers;
    this.#isEnding = true;
    if (this.#waitingBytes === 0) this.#sendEnd();
  }

  /** The handler is done with this stream; its output may still be on its way. Once, however often it is said. */
  handled(): void {
    if (this.#isHandled) return;
    this.#isHandled = true;
    this.#release();
  }

  // What the connection tells.

  headers(fields: HeaderField[], listBytes: number, endStream: boolean): void {
    if (this.#isAccepted) {
      if (this.#remoteClosed) throw new StreamError("STREAM_CLOSED", "HEADERS after END_STREAM");
      if (!endStream) throw new StreamError("PROTOCOL_ERROR", "trailers that do not end the stream");
      checkTrailers(fields);
      this.#remoteClosed = true;
      this.#requestEnded();
      return;
    }
    this.#isAccepted = true;
    this.#remoteClosed = endStream;
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
    if (this.#remoteClosed) throw new StreamError("STREAM_CLOSED", "DATA after END_STREAM");
    this.#receiveWindow -= windowBytes;
    if (this.#receiveWindow < 0) {
      this.connection.limitHit("streamWindowBytes");
      throw new StreamError("FLOW_CONTROL_ERROR", "beyond the stream's window");
    }
    this.#receivedBytes += end - start;
    this.#remoteClosed = endStream;
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
    if (this.#isOver) return;
    // A malformed request never got a handler.
    if (this.#handler === undefined) this.#isHandled = true;
    this.#over();
    this.#handler?.lost(why);
  }

  pump(): boolean {
    if (this.connection.isCongested) return false;
    const waiting = this.#waitingBytes;
    if (waiting > 0) {
      const { connection } = this;
      const bytes = Math.min(waiting, this.#sendWindow, connection.sendWindow, framePayloadMaxBytes);
      if (bytes <= 0) return false;
      const at = this.#beginData(bytes);
      this.#queue?.take(bytes, connection.output.buffer, at);
      connection.queuedBytes -= bytes;
    }
    if (this.#waitingBytes > 0) {
      if (this.hasRoom) this.#handler?.writable();
      return true;
    }
    this.connection.waitsNoMore(this);
    if (this.#isEnding) this.#sendEnd();
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

  #sendEnd(): void {
    if (this.#trailers !== undefined) {
      this.sendHeaders(this.#trailers, true);
    } else if (!this.#isOver) {
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
    if (this.#isOver) return;
    if (this.#contentLength !== -1 && this.#receivedBytes !== this.#contentLength) throw wrongLength();
    this.#handler?.ended();
  }

  #sentAll(): void {
    // First: with its last stream, a connection that drains ends.
    if (this.#remoteClosed) this.connection.forget(this);
    else this.connection.reset(this, "NO_ERROR");
    this.#over();
  }

  #over(): void {
    this.#isOver = true;
    this.connection.queuedBytes -= this.#waitingBytes;
    this.connection.incompleteBytes -= this.#incompleteBytes;
    this.#queue = undefined;
    if (this.#heldBytes > 0) this.connection.consumed(this.#heldBytes);
    this.#release();
  }

  #release(): void {
    if (this.#isOver && this.#isHandled) this.connection.released();
  }
}

function wrongLength(): StreamError {
  return new StreamError("PROTOCOL_ERROR", "DATA and content-length differ");
}
