import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { TokenBucket } from "@realchat/presence-runtime/token-bucket";
import {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  frameFlags,
  frameTypes,
  settingIds,
  windowUsualBytes,
} from "../frame/frame.ts";
import { FrameReader, type FrameSink } from "../frame/frame-reader.ts";
import { writePing, writeReset, writeSettings, writeSettingsAck } from "../frame/frame-writer.ts";
import {
  checkGoaway,
  checkLength,
  checkOnConnection,
  checkOnStream,
  contentEnd,
  contentStart,
  dependsOnItself,
  fieldsStart,
  settingsCount,
  windowIncrement,
} from "../frame/payload.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import { HpackError } from "../hpack/hpack-error.ts";
import type { RpcLimits } from "../limits.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { Counters, LimitName } from "./counters.ts";
import { FlowControl } from "./flow-control.ts";
import { FrameBudget } from "./frame-budget.ts";
import { HeaderBlock } from "./header-block.ts";
import { LimitExceeded } from "./limit-exceeded.ts";
import { atRest, Liveness, type Signs } from "./liveness.ts";
import { Output } from "./output.ts";
import { PastStreams } from "./past-streams.ts";
import { PeerSettings } from "./peer-settings.ts";
import { PingPolicy } from "./ping-policy.ts";
import { Shutdown } from "./shutdown.ts";
import { type StreamEnd, StreamError } from "./stream-end.ts";

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

const keepalivePing = Buffer.from("are you?", "latin1");

/**
 * The server's end of one HTTP/2 connection: hands each frame to whom it concerns. RFC 9113 but for what concerns a
 * single stream; the windows are in flow-control.ts, the end in shutdown.ts, checks of payloads in frame/payload.ts.
 */
export class Connection implements FrameSink {
  readonly peer: string;
  readonly output: Output;
  readonly limits: RpcLimits;
  readonly flow: FlowControl;
  readonly peerSettings = new PeerSettings();
  readonly #socket: Socket;
  readonly #surroundings: ConnectionSurroundings;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #budget: FrameBudget;
  readonly #resets: TokenBucket;
  readonly #settingsFrames: TokenBucket;
  readonly #pings: PingPolicy;
  readonly #liveness: Liveness;
  readonly #shutdown: Shutdown;
  readonly #past = new PastStreams();
  readonly #streams = new Map<number, StreamEnd>();
  #heardMs = 0;
  #block: HeaderBlock | undefined;
  /** Whether the peer's SETTINGS have come. */
  #hasSettings = false;
  /** Whether the peer has acknowledged ours. */
  #isAcknowledged = false;
  #queuedAcks = 0;
  /** Streams that are open, or whose handlers still run. */
  #occupied = 0;

  /** @param acceptedMs when the peer came, on the clock of `surroundings`: with TLS, before its handshake */
  constructor(socket: Socket, peer: string, acceptedMs: number, surroundings: ConnectionSurroundings) {
    const { limits, counters, pool, nowMs } = surroundings;
    this.peer = peer;
    this.#socket = socket;
    this.#surroundings = surroundings;
    this.limits = limits;
    this.#budget = new FrameBudget(limits);
    this.#reader = new FrameReader(this);
    this.#decoder = new HpackDecoder({
      tableMaxBytes: limits.headerTableMaxBytes,
      listMaxBytes: limits.headerListMaxBytes,
      classify: surroundings.classify,
    });
    this.#resets = new TokenBucket({ burst: limits.resetBurst, perSecond: limits.resetsPerSecond }, nowMs);
    this.#settingsFrames = new TokenBucket({ burst: limits.settingsBurst, perSecond: limits.settingsPerSecond }, nowMs);
    this.#pings = new PingPolicy(limits);
    this.#liveness = new Liveness(limits, acceptedMs);
    this.output = new Output(socket, pool, "encrypted" in socket, (bytes) => {
      counters.bytesWritten += bytes;
    });
    this.flow = new FlowControl(this.output, socket, limits);
    this.#shutdown = new Shutdown(this.output, socket);
    counters.opened(peer);
    this.#greet();
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#closed());
  }

  // What streams need.

  /** Window of a stream that is opened now. A peer that does not know ours goes by the usual one (RFC 9113 §6.9.3). */
  get streamWindowBytes(): number {
    const { streamWindowBytes } = this.limits;
    return this.#isAcknowledged ? streamWindowBytes : Math.max(streamWindowBytes, windowUsualBytes);
  }

  /** When what is being read came, monotonic. */
  get heardMs(): number {
    return this.#heardMs;
  }

  get peerCertificate(): X509Certificate | undefined {
    const isChecked = this.#socket instanceof TLSSocket && this.#socket.authorized;
    return isChecked ? this.#socket.getPeerX509Certificate() : undefined;
  }

  sentData(bytes: number): void {
    this.flow.sent(bytes);
    this.#budget.sentData();
    this.#pings.sentToPeer();
  }

  /** No frame of this stream means anything any more. */
  forget(stream: StreamEnd): void {
    this.#streams.delete(stream.id);
    this.flow.removeWaiter(stream);
  }

  /** Ends a stream that the peer may still write to. */
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
    if (this.#shutdown.state === "draining") this.#shutdown.end();
  }

  limitHit(limit: LimitName): void {
    this.#surroundings.counters.limitHit(limit, this.peer);
  }

  // What the server needs.

  /** Tells the peer to go elsewhere, and ends when its last stream is answered. */
  drain(): void {
    if (this.#shutdown.state !== "open") return;
    if (!this.#hasSettings) return void this.#socket.destroy();
    this.#shutdown.announce(this.#surroundings.nowMs);
  }

  /** Looks for what takes too long. */
  tick(nowMs: number): void {
    if (this.#shutdown.state === "closed") return;
    if (this.#shutdown.isAnnouncementOverdue(nowMs)) this.#stopAccepting();
    this.flow.tick(nowMs);
    const verdict = this.#liveness.judge(nowMs, this.#isAtRest ? atRest : this.#signs());
    if (verdict === undefined) return;
    if (verdict === "ping") {
      writePing(this.output, 0, keepalivePing, 0);
      return;
    }
    if (verdict === "idleTimeoutMs" && this.#shutdown.state !== "open") return;
    if (verdict !== "closed") this.limitHit(verdict);
    if (verdict === "idleTimeoutMs") this.drain();
    else this.#socket.destroy();
  }

  /** As nearly all connections are at nearly all ticks. */
  get #isAtRest(): boolean {
    const isQuiet = this.#occupied === 0 && this.#block === undefined && !this.#reader.isWithinFrame;
    return isQuiet && this.#shutdown.state === "open" && this.#hasSettings && this.#socket.writableLength === 0;
  }

  #signs(): Signs {
    return {
      isGreeted: this.#hasSettings,
      // While it is we who do not read, a frame that is cut apart says nothing of the peer.
      framesRead: this.#reader.isWithinFrame && !this.#socket.isPaused() ? this.#reader.framesRead : undefined,
      blockBegunMs: this.#block?.begunMs,
      bytesWaiting: this.#socket.writableLength,
      bytesTaken: this.#socket.bytesWritten - this.#socket.writableLength,
      isOccupied: this.#occupied > 0,
      isClosing: this.#shutdown.state === "closing",
    };
  }

  // What the peer sends.

  #read(chunk: Buffer): void {
    const { counters, nowMs } = this.#surroundings;
    counters.bytesRead += chunk.length;
    if (!this.#shutdown.isReading) return;
    this.#liveness.heard(nowMs);
    this.#heardMs = this.#surroundings.monotonicMs();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    // A peer that does not read what it asked for is not read either: not all answers wait for room.
    if (!this.flow.isCongested || this.#socket.isPaused()) return;
    this.limitHit("sendBufferMaxBytes");
    this.#socket.pause();
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#shutdown.isReading) return;
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
        if (!this.#budget.takesIdleFrame()) throw new LimitExceeded("priorityFramesPerStream");
    }
  }

  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    checkOnStream(id, "DATA");
    const from = contentStart(flags, start);
    const to = contentEnd(flags, bytes, start, end);
    const endStream = (flags & frameFlags.END_STREAM) !== 0;
    if (!this.#budget.takesData(endStream || to > from)) throw new LimitExceeded("emptyDataMax");
    const windowBytes = end - start;
    if (!this.flow.received(windowBytes)) {
      this.limitHit("connectionWindowBytes");
      throw new ConnectionError("FLOW_CONTROL_ERROR", "beyond the connection's window");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.flow.consumed(windowBytes);
      this.#lateFrame(id, "DATA");
      return;
    }
    stream.data(bytes, from, to, windowBytes, endStream);
  }

  #headers(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    checkOnStream(id, "HEADERS");
    if ((id & 1) === 0) throw new ConnectionError("PROTOCOL_ERROR", `a client may not open stream ${id}`);
    const to = contentEnd(flags, bytes, start, end);
    const priorityAt = contentStart(flags, start);
    const from = fieldsStart(flags, priorityAt, to);
    const endStream = (flags & frameFlags.END_STREAM) !== 0;
    const isCircular = from > priorityAt && dependsOnItself(id, bytes, priorityAt);
    if ((flags & frameFlags.END_HEADERS) !== 0) {
      this.#fields(id, endStream, isCircular, bytes, from, to);
      return;
    }
    this.#block = new HeaderBlock(id, { endStream, isCircular }, this.#surroundings.nowMs, this.limits);
    this.#block.add(bytes, from, to);
  }

  #continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === undefined) throw new ConnectionError("PROTOCOL_ERROR", "CONTINUATION of nothing");
    block.add(bytes, start, end);
    if ((flags & frameFlags.END_HEADERS) === 0) return;
    this.#block = undefined;
    const whole = block.whole();
    this.#fields(block.streamId, block.endStream, block.isCircular, whole, 0, whole.length);
  }

  /** @param isCircular whether its HEADERS say that the stream depends on itself */
  #fields(id: number, endStream: boolean, isCircular: boolean, bytes: Buffer, start: number, end: number): void {
    const fields: HeaderField[] = [];
    // Also for a stream that is closed: the decoder's table has to follow the peer's.
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
    if (isCircular) throw new StreamError("PROTOCOL_ERROR", `stream ${id} depends on itself`);
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
    if (!this.#shutdown.accepts(id)) return undefined;
    this.#budget.streamOpened();
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
    checkOnStream(id, "RST_STREAM");
    checkLength(4, start, end, "RST_STREAM");
    if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", "RST_STREAM on an idle stream");
    this.#surroundings.counters.resetsReceived += 1;
    this.#drawReset();
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.forget(stream);
    stream.lost("reset by peer");
  }

  #windowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    const increment = windowIncrement(bytes, start, end);
    if (!this.#budget.takesWindowUpdate()) throw new LimitExceeded("windowUpdatesPerDataFrame");
    if (id === 0) {
      this.flow.windowUpdate(increment);
      this.flow.pump();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.windowUpdate(increment);
    else if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE on an idle stream");
  }

  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    checkOnConnection(id, "SETTINGS");
    if ((flags & frameFlags.ACK) !== 0) {
      checkLength(0, start, end, "an acknowledgement of SETTINGS");
      this.#isAcknowledged = true;
      this.#decoder.settingsAcknowledged();
      return;
    }
    if (settingsCount(start, end) > this.limits.settingsPerFrameMax) throw new LimitExceeded("settingsPerFrameMax");
    if (!this.#settingsFrames.take(this.#surroundings.nowMs)) throw new LimitExceeded("settingsBurst");
    const before = this.peerSettings.initialWindowBytes;
    for (let at = start; at < end; at += 6) this.peerSettings.set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.#hasSettings = true;
    const difference = this.peerSettings.initialWindowBytes - before;
    if (difference !== 0) for (const stream of this.#streams.values()) stream.initialWindowChanged(difference);
    writeSettingsAck(this.output);
    this.#queuedAck();
    if (difference > 0) this.flow.pump();
  }

  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    checkOnConnection(id, "PING");
    checkLength(8, start, end, "PING");
    if ((flags & frameFlags.ACK) !== 0) {
      if (this.#shutdown.isAnnouncementRead(bytes, start, end)) this.#stopAccepting();
      return;
    }
    // The exact time: peers ask just as often as they may, and a tick is up to a second old.
    if (!this.#pings.takes(this.#heardMs, this.#occupied > 0)) {
      throw new LimitExceeded("pingStrikes", "too_many_pings");
    }
    writePing(this.output, frameFlags.ACK, bytes, start);
    this.#queuedAck();
  }

  #priority(id: number, bytes: Buffer, start: number, end: number): void {
    checkOnStream(id, "PRIORITY");
    if (!this.#budget.takesIdleFrame()) throw new LimitExceeded("priorityFramesPerStream");
    if (end - start !== 5) {
      // RST_STREAM is for streams that are open: nothing may follow the one that ended a stream (RFC 9113 §5.4.2).
      if (!this.#streams.has(id)) throw new ConnectionError("FRAME_SIZE_ERROR", "PRIORITY has five bytes");
      throw new StreamError("FRAME_SIZE_ERROR", "PRIORITY has five bytes");
    }
    if (dependsOnItself(id, bytes, start)) {
      throw new ConnectionError("PROTOCOL_ERROR", `stream ${id} depends on itself`);
    }
  }

  /** Streams with even ids would be ours to open: we never do. */
  #isIdle(id: number): boolean {
    return id > this.#past.last || (id & 1) === 0;
  }

  /** A frame of a stream that is not open (RFC 9113 §5.1). */
  #lateFrame(id: number, what: string): void {
    if (this.#isIdle(id)) throw new ConnectionError("PROTOCOL_ERROR", `${what} on an idle stream`);
    if (this.#past.wasResetByUs(id) || !this.#shutdown.accepts(id)) return;
    const code = this.#past.wasSkipped(id) ? "PROTOCOL_ERROR" : "STREAM_CLOSED";
    throw new ConnectionError(code, `${what} on stream ${id}, which is closed`);
  }

  // What we do about it.

  #greet(): void {
    const { concurrentStreams, streamWindowBytes, headerListMaxBytes, headerTableMaxBytes } = this.limits;
    writeSettings(this.output, [
      [settingIds.HEADER_TABLE_SIZE, headerTableMaxBytes],
      [settingIds.MAX_CONCURRENT_STREAMS, concurrentStreams],
      [settingIds.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [settingIds.MAX_HEADER_LIST_SIZE, headerListMaxBytes],
    ]);
    this.flow.open();
  }

  #drained(): void {
    this.#queuedAcks = 0;
    this.output.flush();
    this.flow.pump();
    if (!this.flow.isCongested) this.#socket.resume();
  }

  #queuedAck(): void {
    if (!this.#socket.writableNeedDrain) return;
    this.#queuedAcks += 1;
    if (this.#queuedAcks > this.limits.queuedAcksMax) throw new LimitExceeded("queuedAcksMax");
  }

  /**
   * For a reset by the peer, or one that it provoked (CVE-2025-8671).
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
    this.#shutdown.fail(code, this.#past.last, isExpected ? error.message : "");
    this.#loseStreams();
  }

  #stopAccepting(): void {
    this.#shutdown.stopAccepting(this.#past.last);
    if (this.#occupied === 0) this.#shutdown.end();
  }

  #closed(): void {
    this.#shutdown.closed();
    this.#loseStreams();
    this.#surroundings.counters.closed(this.peer);
  }

  #loseStreams(): void {
    this.flow.removeWaiters();
    for (const stream of this.#streams.values()) {
      this.#streams.delete(stream.id);
      stream.lost("connection lost");
    }
  }
}
