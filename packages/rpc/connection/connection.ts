import type { Socket } from "node:net";
import {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  frameFlags,
  frameTypes,
  settingIds,
  streamIdMax,
  windowMaxBytes,
  windowUsualBytes,
} from "../frame/frame.ts";
import { FrameReader, type FrameSink } from "../frame/frame-reader.ts";
import {
  writeGoaway,
  writePing,
  writeReset,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from "../frame/frame-writer.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import { HpackError } from "../hpack/hpack-error.ts";
import type { RpcLimits } from "../limits.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Counters, LimitName } from "./counters.ts";
import { FrameBudget } from "./frame-budget.ts";
import { HeaderBlock } from "./header-block.ts";
import { LimitExceeded } from "./limit-exceeded.ts";
import { atRest, Liveness, type Signs } from "./liveness.ts";
import { Output } from "./output.ts";
import { PastStreams } from "./past-streams.ts";
import { PeerSettings } from "./peer-settings.ts";
import { PingPolicy } from "./ping-policy.ts";
import { type StreamEnd, StreamError } from "./stream-end.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What the connections of one server share. */
export interface ConnectionSurroundings {
  readonly limits: RpcLimits;
  readonly counters: Counters;
  readonly pool: BufferPool;
  /** Monotonic milliseconds, as of the last tick. */
  readonly nowMs: number;
  /** The same, exactly. */
  monotonicMs(): number;
  /** Told of an error that is nobody's but ours. */
  onBug(error: unknown): void;
  /** Called once for each new header field. */
  classify(field: HeaderField): void;
  openStream(connection: Connection, id: number): StreamEnd;
}

const drainPing = Buffer.from("draining", "latin1");
const keepalivePing = Buffer.from("are you?", "latin1");

/** The server's end of one HTTP/2 connection: RFC 9113 but for what concerns a single stream. */
export class Connection implements FrameSink {
  readonly peer: string;
  readonly output: Output;
  readonly limits: RpcLimits;
  readonly peerSettings = new PeerSettings();
  readonly budget: FrameBudget;
  /** When what is being read came, monotonic. */
  heardMs = 0;
  /** Output of all streams that waits for windows; they keep the count. */
  queuedBytes = 0;
  /** Kept of requests that are not complete; streams keep the count. */
  incompleteBytes = 0;
  readonly #socket: Socket;
  readonly #surroundings: ConnectionSurroundings;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #resets: TokenBucket;
  readonly #settingsFrames: TokenBucket;
  readonly #pings: PingPolicy;
  readonly #liveness: Liveness;
  readonly #past = new PastStreams();
  readonly #streams = new Map<number, StreamEnd>();
  /** Streams with output that waits for a window, or for the socket. */
  readonly #waiting = new Set<StreamEnd>();
  #block: HeaderBlock | undefined;
  #sendWindow = windowUsualBytes;
  #receiveWindow = windowUsualBytes;
  #consumedBytes = 0;
  #hasSettings = false;
  /** Whether the caller has taken note of our settings. */
  #isAcknowledged = false;
  #queuedAcks = 0;
  /** Streams that are open, or whose handlers still run. */
  #occupied = 0;
  #stage: "open" | "announced" | "draining" | "closing" | "closed" = "open";
  #announcedMs = 0;
  /** Streams above it are not ours to answer any more. */
  #lastAccepted = streamIdMax;

  /** @param acceptedMs when the caller came, on the clock of `surroundings`: with TLS, before its handshake */
  constructor(socket: Socket, peer: string, acceptedMs: number, surroundings: ConnectionSurroundings) {
    const { limits, counters, pool, nowMs } = surroundings;
    this.peer = peer;
    this.#socket = socket;
    this.#surroundings = surroundings;
    this.limits = limits;
    this.budget = new FrameBudget(limits);
    this.#reader = new FrameReader(this);
    this.#decoder = new HpackDecoder({
      tableMaxBytes: limits.headerTableMaxBytes,
      listMaxBytes: limits.headerListMaxBytes,
      classify: surroundings.classify,
    });
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, nowMs);
    this.#settingsFrames = new TokenBucket(limits.settingsBurst, limits.settingsPerSecond, nowMs);
    this.#pings = new PingPolicy(limits);
    this.#liveness = new Liveness(limits, acceptedMs);
    this.output = new Output(socket, pool, "encrypted" in socket, (bytes) => {
      counters.bytesWritten += bytes;
    });
    counters.opened(peer);
    this.#greet();
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#closed());
  }

  // What streams need.

  /** Of a stream that is opened now. Until he knows ours, a caller goes by the usual one (RFC 9113 §6.9.3). */
  get streamWindowBytes(): number {
    const { streamWindowBytes } = this.limits;
    return this.#isAcknowledged ? streamWindowBytes : Math.max(streamWindowBytes, windowUsualBytes);
  }

  get sendWindow(): number {
    return this.#sendWindow;
  }

  /** Whether the caller reads too slowly for more output; `drain` of the socket tells when he has caught up. */
  get isCongested(): boolean {
    return this.output.waitingBytes >= this.limits.sendBufferMaxBytes && this.#socket.writableNeedDrain;
  }

  /** Whether what waits for the socket and for windows, of all streams, is less than it may be. */
  get hasRoom(): boolean {
    return this.queuedBytes + this.output.waitingBytes < this.limits.sendBufferMaxBytes;
  }

  sentData(bytes: number): void {
    this.#sendWindow -= bytes;
    this.budget.dataFramesSent += 1;
    this.#pings.sentToCaller();
  }

  /** Request bytes that are done with: the caller may send as many more. */
  consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes < this.limits.connectionWindowBytes / 2 || !this.#isOpen) return;
    writeWindowUpdate(this.output, 0, this.#consumedBytes);
    this.#receiveWindow += this.#consumedBytes;
    this.#consumedBytes = 0;
  }

  /** The stream is called by `pump` as soon as there is a window, or room in the socket. */
  waitForRoom(stream: StreamEnd): void {
    this.#waiting.add(stream);
  }

  waitsNoMore(stream: StreamEnd): void {
    this.#waiting.delete(stream);
  }

  /** No frame of this stream means anything any more. */
  forget(stream: StreamEnd): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
  }

  /** Ends a stream that the caller may still write to. */
  reset(stream: StreamEnd, code: ErrorCode): void {
    this.forget(stream);
    this.#sendReset(stream.id, code);
  }

  /** Neither the stream nor its handler is at work any more. */
  released(): void {
    this.#occupied -= 1;
    this.#surroundings.counters.streams -= 1;
    if (this.#occupied > 0) return;
    this.#liveness.becameIdle(this.#surroundings.nowMs);
    if (this.#stage === "draining") this.#end();
  }

  limitHit(limit: LimitName): void {
    this.#surroundings.counters.limitHit(limit, this.peer);
  }

  // What the server needs.

  /** Tells the caller to go elsewhere, twice: what he sends before he knows is still answered (RFC 9113 §6.8). */
  drain(): void {
    if (this.#stage !== "open") return;
    if (!this.#hasSettings) return void this.#socket.destroy();
    this.#stage = "announced";
    this.#announcedMs = this.#surroundings.nowMs;
    writeGoaway(this.output, streamIdMax, errorCodes.NO_ERROR, "draining");
    writePing(this.output, 0, drainPing, 0);
  }

  /** Looks for what takes too long. */
  tick(nowMs: number): void {
    if (this.#stage === "closed") return;
    if (this.#stage === "announced" && nowMs - this.#announcedMs > 1_000) this.#stopAccepting();
    for (const stream of this.#waiting) stream.tick(nowMs);
    const verdict = this.#liveness.judge(nowMs, this.#isAtRest ? atRest : this.#signs());
    if (verdict === undefined) return;
    if (verdict === "ping") {
      writePing(this.output, 0, keepalivePing, 0);
      return;
    }
    if (verdict === "idleTimeoutMs" && this.#stage !== "open") return;
    if (verdict !== "closed") this.limitHit(verdict);
    if (verdict === "idleTimeoutMs") this.drain();
    else this.#socket.destroy();
  }

  /** As nearly all connections are at nearly all ticks. */
  get #isAtRest(): boolean {
    const isQuiet = this.#occupied === 0 && this.#block === undefined && !this.#reader.isWithinFrame;
    return isQuiet && this.#stage === "open" && this.#hasSettings && this.#socket.writableLength === 0;
  }

  #signs(): Signs {
    return {
      isGreeted: this.#hasSettings,
      // While it is we who do not read, a frame that is cut apart says nothing of him.
      framesRead: this.#reader.isWithinFrame && !this.#socket.isPaused() ? this.#reader.framesRead : undefined,
      blockBegunMs: this.#block?.begunMs,
      bytesWaiting: this.#socket.writableLength,
      bytesTaken: this.#socket.bytesWritten - this.#socket.writableLength,
      isOccupied: this.#occupied > 0,
      isClosing: this.#stage === "closing",
    };
  }

  // What the caller sends.

  #read(chunk: Buffer): void {
    const { counters, nowMs } = this.#surroundings;
    counters.bytesRead += chunk.length;
    if (!this.#isOpen) return;
    this.#liveness.heard(nowMs);
    this.heardMs = this.#surroundings.monotonicMs();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    // Whoever does not read what he asked for is not read either: not all answers wait for room before they are given.
    if (!this.isCongested || this.#socket.isPaused()) return;
    this.limitHit("sendBufferMaxBytes");
    this.#socket.pause();
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#isOpen) return;
    try {
      this.#dispatch(type, flags, id, bytes, start, end);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#streamFailed(id, error);
    }
  }

  #dispatch(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#block !== undefined && (type !== frameTypes.CONTINUATION || id !== this.#block.streamId)) {
      throw new ConnectionError("PROTOCOL_ERROR", "a block of fields was interrupted");
    }
    if (!this.#hasSettings && (type !== frameTypes.SETTINGS || (flags & frameFlags.ACK) !== 0)) {
      throw new ConnectionError("PROTOCOL_ERROR", "the first frame is not SETTINGS");
    }
    switch (type) {
      case frameTypes.DATA:
        this.#data(flags, id, bytes, start, end);
        break;
      case frameTypes.HEADERS:
        this.#headers(flags, id, bytes, start, end);
        break;
      case frameTypes.CONTINUATION:
        this.#continuation(flags, bytes, start, end);
        break;
      case frameTypes.RST_STREAM:
        this.#rstStream(id, start, end);
        break;
      case frameTypes.WINDOW_UPDATE:
        this.#windowUpdate(id, bytes, start, end);
        break;
      case frameTypes.SETTINGS:
        this.#settings(flags, id, bytes, start, end);
        break;
      case frameTypes.PING:
        this.#ping(flags, id, bytes, start, end);
        break;
      case frameTypes.PRIORITY:
        this.#priority(id, bytes, start, end);
        break;
      case frameTypes.GOAWAY:
        checkGoaway(id, start, end);
        break;
      case frameTypes.PUSH_PROMISE:
        throw new ConnectionError("PROTOCOL_ERROR", "a client may not push");
      default:
        if (!this.budget.takesIdleFrame()) throw new LimitExceeded("priorityFramesPerStream");
    }
  }

  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    onStream(id, "DATA");
    const from = (flags & frameFlags.PADDED) === 0 ? start : start + 1;
    const to = withoutPadding(flags, bytes, start, end);
    const endStream = (flags & frameFlags.END_STREAM) !== 0;
    if (!this.budget.takesData(endStream || to > from)) throw new LimitExceeded("emptyDataMax");
    const windowBytes = end - start;
    this.#receiveWindow -= windowBytes;
    if (this.#receiveWindow < 0) {
      this.limitHit("connectionWindowBytes");
      throw new ConnectionError("FLOW_CONTROL_ERROR", "beyond the connection's window");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.consumed(windowBytes);
      this.#lateFrame(id, "DATA");
      return;
    }
    stream.data(bytes, from, to, windowBytes, endStream);
  }

  #headers(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    onStream(id, "HEADERS");
    if ((id & 1) === 0) throw new ConnectionError("PROTOCOL_ERROR", `a client may not open stream ${id}`);
    let from = (flags & frameFlags.PADDED) === 0 ? start : start + 1;
    const to = withoutPadding(flags, bytes, start, end);
    if ((flags & frameFlags.PRIORITY) !== 0) {
      if (to - from < 5) throw new ConnectionError("FRAME_SIZE_ERROR", "HEADERS are too short for their priority");
      notItself(id, bytes, from);
      from += 5;
    }
    const endStream = (flags & frameFlags.END_STREAM) !== 0;
    if ((flags & frameFlags.END_HEADERS) !== 0) {
      this.#fields(id, endStream, bytes, from, to);
      return;
    }
    this.#block = new HeaderBlock(id, endStream, this.#surroundings.nowMs, this.limits);
    this.#block.add(bytes, from, to);
  }

  #continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError("PROTOCOL_ERROR", "CONTINUATION of nothing");
    block.add(bytes, start, end);
    if ((flags & frameFlags.END_HEADERS) === 0) return;
    this.#block = undefined;
    const whole = block.whole();
    this.#fields(block.streamId, block.endStream, whole, 0, whole.length);
  }

  #fields(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const fields: HeaderField[] = [];
    // Also for a stream that is no more: the decoder's table has to follow the caller's.
    const listBytes = this.#decode(bytes, start, end, fields);
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      if (id <= this.#past.last) {
        this.#lateFrame(id, "HEADERS");
        return;
      }
      stream = this.#open(id);
      if (stream === undefined) return;
    }
    stream.headers(fields, listBytes, endStream);
  }

  #decode(bytes: Buffer, start: number, end: number, fields: HeaderField[]): number {
    try {
      return this.#decoder.decode(bytes, start, end, fields);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError("COMPRESSION_ERROR", error.message);
      throw error;
    }
  }

  #open(id: number): StreamEnd | undefined {
    this.#past.opened(id);
    if (id > this.#lastAccepted) return undefined;
    this.budget.streamsOpened += 1;
    if (this.#occupied >= this.limits.concurrentStreams) {
      this.limitHit("concurrentStreams");
      this.#sendReset(id, "REFUSED_STREAM");
      this.#drawReset();
      return undefined;
    }
    this.#occupied += 1;
    this.#surroundings.counters.streams += 1;
    this.#surroundings.counters.streamsTotal += 1;
    const stream = this.#surroundings.openStream(this, id);
    this.#streams.set(id, stream);
    return stream;
  }

  #rstStream(id: number, start: number, end: number): void {
    onStream(id, "RST_STREAM");
    exactly(4, start, end, "RST_STREAM");
    if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", "RST_STREAM on an idle stream");
    this.#surroundings.counters.resetsReceived += 1;
    this.#drawReset();
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.forget(stream);
    stream.lost("reset by caller");
  }

  #windowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    exactly(4, start, end, "WINDOW_UPDATE");
    if (!this.budget.takesWindowUpdate()) throw new LimitExceeded("windowUpdatesPerDataFrame");
    const increment = bytes.readUInt32BE(start) & 0x7fffffff;
    if (id === 0) {
      if (increment === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE by nothing");
      this.#sendWindow += increment;
      if (this.#sendWindow > windowMaxBytes) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
      this.#pump();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.windowUpdate(increment);
    else if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE on an idle stream");
  }

  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError("PROTOCOL_ERROR", "SETTINGS on a stream");
    if ((flags & frameFlags.ACK) !== 0) {
      exactly(0, start, end, "an acknowledgement of SETTINGS");
      this.#isAcknowledged = true;
      this.#decoder.settingsAcknowledged();
      return;
    }
    if ((end - start) % 6 !== 0) throw new ConnectionError("FRAME_SIZE_ERROR", "SETTINGS are cut off");
    if (end - start > this.limits.settingsPerFrameMax * 6) throw new LimitExceeded("settingsPerFrameMax");
    if (!this.#settingsFrames.take(this.#surroundings.nowMs)) throw new LimitExceeded("settingsBurst");
    const before = this.peerSettings.initialWindowBytes;
    for (let at = start; at < end; at += 6) this.peerSettings.set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.#hasSettings = true;
    const difference = this.peerSettings.initialWindowBytes - before;
    if (difference !== 0) for (const stream of this.#streams.values()) stream.initialWindowChanged(difference);
    writeSettingsAck(this.output);
    this.#queuedAck();
    if (difference > 0) this.#pump();
  }

  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError("PROTOCOL_ERROR", "PING on a stream");
    exactly(8, start, end, "PING");
    if ((flags & frameFlags.ACK) !== 0) {
      const isDrains = drainPing.compare(bytes, start, end) === 0;
      if (isDrains && this.#stage === "announced") this.#stopAccepting();
      return;
    }
    // Exactly: callers ask just as often as they may, and a tick is up to a second old.
    if (!this.#pings.takes(this.heardMs, this.#occupied > 0)) {
      throw new LimitExceeded("pingStrikes", "too_many_pings");
    }
    writePing(this.output, frameFlags.ACK, bytes, start);
    this.#queuedAck();
  }

  #priority(id: number, bytes: Buffer, start: number, end: number): void {
    onStream(id, "PRIORITY");
    if (!this.budget.takesIdleFrame()) throw new LimitExceeded("priorityFramesPerStream");
    if (end - start !== 5) {
      // RST_STREAM is for streams that are there: nothing may follow the one that ended a stream (RFC 9113 §5.4.2).
      if (!this.#streams.has(id)) throw new ConnectionError("FRAME_SIZE_ERROR", "PRIORITY has five bytes");
      throw new StreamError("FRAME_SIZE_ERROR", "PRIORITY has five bytes");
    }
    notItself(id, bytes, start);
  }

  /** Streams with even ids would be ours to open: we never do. */
  #isIdle(id: number): boolean {
    return id > this.#past.last || (id & 1) === 0;
  }

  /** A frame of a stream that is not open (RFC 9113 §5.1). */
  #lateFrame(id: number, what: string): void {
    if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", `${what} on an idle stream`);
    if (this.#past.wasResetByUs(id) || id > this.#lastAccepted) return;
    const code = this.#past.wasSkipped(id) ? "PROTOCOL_ERROR" : "STREAM_CLOSED";
    throw new ConnectionError(code, `${what} on stream ${id}, which is closed`);
  }

  // What we do about it.

  #greet(): void {
    const { concurrentStreams, streamWindowBytes, connectionWindowBytes, headerListMaxBytes, headerTableMaxBytes } =
      this.limits;
    writeSettings(this.output, [
      [settingIds.HEADER_TABLE_SIZE, headerTableMaxBytes],
      [settingIds.MAX_CONCURRENT_STREAMS, concurrentStreams],
      [settingIds.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [settingIds.MAX_HEADER_LIST_SIZE, headerListMaxBytes],
    ]);
    if (connectionWindowBytes <= this.#receiveWindow) return;
    writeWindowUpdate(this.output, 0, connectionWindowBytes - this.#receiveWindow);
    this.#receiveWindow = connectionWindowBytes;
  }

  #pump(): void {
    for (let progress = true; progress; ) {
      progress = false;
      for (const stream of this.#waiting) if (stream.pump()) progress = true;
    }
  }

  #drained(): void {
    this.#queuedAcks = 0;
    this.output.flush();
    this.#pump();
    if (!this.isCongested) this.#socket.resume();
  }

  #queuedAck(): void {
    if (!this.#socket.writableNeedDrain) return;
    this.#queuedAcks += 1;
    if (this.#queuedAcks > this.limits.queuedAcksMax) throw new LimitExceeded("queuedAcksMax");
  }

  /**
   * For a reset by the caller, or one that he provoked (CVE-2025-8671).
   * @throws LimitExceeded when there were too many
   */
  #drawReset(): void {
    if (!this.#resets.take(this.#surroundings.nowMs)) throw new LimitExceeded("resetBurst");
  }

  #sendReset(id: number, code: ErrorCode): void {
    this.#past.resetByUs(id);
    this.#surroundings.counters.resetSent(code);
    writeReset(this.output, id, errorCodes[code]);
  }

  #streamFailed(id: number, error: StreamError): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.forget(stream);
    // First: with its last stream, a connection that drains ends.
    this.#sendReset(id, error.code);
    stream?.lost("reset by us");
    this.#drawReset();
  }

  #fail(error: unknown): void {
    if (error instanceof LimitExceeded) this.limitHit(error.limit);
    const isExpected = error instanceof ConnectionError;
    if (!isExpected) this.#surroundings.onBug(error);
    const code = isExpected ? error.code : "INTERNAL_ERROR";
    // Never above what a drain has said before (RFC 9113 §6.8).
    const last = Math.min(this.#past.last, this.#lastAccepted);
    writeGoaway(this.output, last, errorCodes[code], isExpected ? error.message : "");
    this.#end();
    this.#loseStreams();
  }

  #stopAccepting(): void {
    this.#stage = "draining";
    this.#lastAccepted = this.#past.last;
    writeGoaway(this.output, this.#lastAccepted, errorCodes.NO_ERROR, "draining");
    if (this.#occupied === 0) this.#end();
  }

  /** Sends what is left and closes; whatever still comes is not looked at. */
  #end(): void {
    this.#stage = "closing";
    this.output.flush();
    this.#socket.end();
  }

  #closed(): void {
    this.#stage = "closed";
    this.#loseStreams();
    this.#surroundings.counters.closed(this.peer);
  }

  #loseStreams(): void {
    this.#waiting.clear();
    for (const stream of this.#streams.values()) {
      this.#streams.delete(stream.id);
      stream.lost("connection lost");
    }
  }

  get #isOpen(): boolean {
    return this.#stage !== "closing" && this.#stage !== "closed";
  }
}

function onStream(id: number, what: string): void {
  if (id === 0) throw new ConnectionError("PROTOCOL_ERROR", `${what} without a stream`);
}

function exactly(length: number, start: number, end: number, what: string): void {
  if (end - start !== length) throw new ConnectionError("FRAME_SIZE_ERROR", `${what} has ${length} bytes`);
}

/** A stream that depends on itself (RFC 7540 §5.3.1; RFC 9113 leaves priorities out, and the same frames in). */
function notItself(id: number, bytes: Buffer, at: number): void {
  if ((bytes.readUInt32BE(at) & 0x7fffffff) !== id) return;
  throw new ConnectionError("PROTOCOL_ERROR", `stream ${id} depends on itself`);
}

/** @returns where the content ends (RFC 9113 §6.1) */
function withoutPadding(flags: number, bytes: Buffer, start: number, end: number): number {
  if ((flags & frameFlags.PADDED) === 0) return end;
  if (start === end) throw new ConnectionError("FRAME_SIZE_ERROR", "no room for the length of the padding");
  const to = end - (bytes[start] as number);
  if (to <= start) throw new ConnectionError("PROTOCOL_ERROR", "more padding than payload");
  return to;
}

function checkGoaway(id: number, start: number, end: number): void {
  if (id !== 0) throw new ConnectionError("PROTOCOL_ERROR", "GOAWAY on a stream");
  if (end - start < 8) throw new ConnectionError("FRAME_SIZE_ERROR", "GOAWAY has at least eight bytes");
}
