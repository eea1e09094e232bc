/**
 * The words and frames of HTTP/2, RFC 9113 §4, §6 and §7, to write any of them, the forbidden ones too. They are not
 * those of the engine: what is wrong there must not be wrong here in the same way.
 */

export const types = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;
export type FrameType = keyof typeof types;

export const flags = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const settingIds = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;
export type SettingName = keyof typeof settingIds;

export const errorCodes = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const streamMax = 2 ** 31 - 1;

/** The reserved bit in front of a stream identifier, a window increment and the like. */
export const reservedBit = 0x8000_0000;

type Bytes = Uint8Array | string;

/**
 * Any frame at all.
 * @param type by name, or a number from 0 to 255
 * @param stream 32 bits: the reserved one may be set
 */
export function frame(type: FrameType | number, flagBits: number, stream: number, payload: Bytes = ""): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  return Buffer.concat([frameHead(bytes.length, type, flagBits, stream), bytes]);
}

/** The head alone, of a frame that may claim any length below 2^24. */
export function frameHead(length: number, type: FrameType | number, flagBits: number, stream: number): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(typeof type === "number" ? type : types[type], 3);
  head.writeUInt8(flagBits, 4);
  head.writeUInt32BE(stream, 5);
  return head;
}

/** `padding`: the Pad Length and so many zeros; `flags`: more bits than the other options set. */
export interface Options {
  readonly end?: boolean;
  readonly padding?: number;
  readonly flags?: number;
}

export function data(stream: number, content: Bytes, options: Options = {}): Buffer {
  return frame("DATA", flagsOf(options), stream, padded(content, options));
}

interface HeadersOptions extends Options {
  /** False: CONTINUATION frames are to follow. */
  readonly endHeaders?: boolean;
  readonly priority?: Priority;
}

interface Priority {
  readonly dependsOn: number;
  /** As people count it, 1 to 256. */
  readonly weight?: number;
  readonly exclusive?: boolean;
}

/** @param block a field block, or its first fragment */
export function headers(stream: number, block: Bytes, options: HeadersOptions = {}): Buffer {
  const { endHeaders = true, priority: signal } = options;
  const bits = flagsOf(options) | (endHeaders ? flags.END_HEADERS : 0) | (signal ? flags.PRIORITY : 0);
  const fragment = signal ? Buffer.concat([prioritySignal(signal), bytesOf(block)]) : block;
  return frame("HEADERS", bits, stream, padded(fragment, options));
}

/** @param end whether the block ends with it */
export function continuation(stream: number, fragment: Bytes, end = true): Buffer {
  return frame("CONTINUATION", end ? flags.END_HEADERS : 0, stream, fragment);
}

export function priority(stream: number, signal: Priority): Buffer {
  return frame("PRIORITY", 0, stream, prioritySignal(signal));
}

export function rstStream(stream: number, code: ErrorCode | number = "CANCEL"): Buffer {
  return frame("RST_STREAM", 0, stream, uint32(codeOf(code)));
}

/** A number instead of a name: one that nobody knows. */
export type Setting = readonly [id: SettingName | number, value: number];

export function settings(...values: readonly Setting[]): Buffer {
  const payload = values.flatMap(([id, value]) => {
    const setting = Buffer.alloc(6);
    setting.writeUInt16BE(typeof id === "number" ? id : settingIds[id], 0);
    setting.writeUInt32BE(value, 2);
    return [setting];
  });
  return frame("SETTINGS", 0, 0, Buffer.concat(payload));
}

export function settingsAck(): Buffer {
  return frame("SETTINGS", flags.ACK, 0);
}

export function pushPromise(stream: number, promised: number, block: Bytes): Buffer {
  return frame("PUSH_PROMISE", flags.END_HEADERS, stream, Buffer.concat([uint32(promised), bytesOf(block)]));
}

/** @param opaque eight bytes */
export function ping(opaque: Bytes = "a ping 1"): Buffer {
  return frame("PING", 0, 0, opaque);
}

export function goaway(lastStream: number, code: ErrorCode | number = "NO_ERROR", debug: Bytes = ""): Buffer {
  return frame("GOAWAY", 0, 0, Buffer.concat([uint32(lastStream), uint32(codeOf(code)), bytesOf(debug)]));
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame("WINDOW_UPDATE", 0, stream, uint32(increment));
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function flagsOf({ end, padding, flags: more = 0 }: Options): number {
  return more | (end ? flags.END_STREAM : 0) | (padding === undefined ? 0 : flags.PADDED);
}

function padded(content: Bytes, { padding }: Options): Bytes {
  return padding === undefined ? content : Buffer.concat([Buffer.of(padding), bytesOf(content), Buffer.alloc(padding)]);
}

function prioritySignal({ dependsOn, weight = 16, exclusive = false }: Priority): Buffer {
  return Buffer.concat([uint32(exclusive ? dependsOn + reservedBit : dependsOn), Buffer.of(weight - 1)]);
}

function codeOf(code: ErrorCode | number): number {
  return typeof code === "number" ? code : errorCodes.indexOf(code);
}

function bytesOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes as Uint8Array);
}
