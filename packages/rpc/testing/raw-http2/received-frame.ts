import type { Field } from "./field-block.ts";
import { type ErrorCode, errorCodes, type FrameType, flags, types } from "./frames.ts";

/** A frame as the server sent it. */
export interface ReceivedFrame {
  readonly type: FrameType | "unknown";
  readonly flags: number;
  /** The reserved bit in front of the stream identifier. */
  readonly reserved: boolean;
  readonly stream: number;
  readonly payload: Buffer;
  /** Of HEADERS: the field block with what CONTINUATION frames add to it, and what it says. */
  block?: Buffer;
  fields?: readonly Field[];
}

const names = new Map(Object.entries(types).map(([name, type]) => [type as number, name as FrameType]));

/** @returns the frame that `bytes` begin with, once they hold all of it, and its length with its head */
export function readFrame(bytes: Buffer): { frame: ReceivedFrame; length: number } | undefined {
  if (bytes.length < 9) return undefined;
  const length = 9 + bytes.readUIntBE(0, 3);
  if (bytes.length < length) return undefined;
  const stream = bytes.readUInt32BE(5);
  const frame: ReceivedFrame = {
    type: names.get(bytes.readUInt8(3)) ?? "unknown",
    flags: bytes.readUInt8(4),
    reserved: stream >= 2 ** 31,
    stream: stream % 2 ** 31,
    payload: bytes.subarray(9, length),
  };
  return { frame, length };
}

/** The error code of a RST_STREAM or GOAWAY frame. */
export function errorCodeOf({ type, payload }: ReceivedFrame): ErrorCode | number {
  const code = payload.readUInt32BE(type === "GOAWAY" ? 4 : 0);
  return errorCodes[code] ?? code;
}

/** For messages: what a reader wants to know of a frame. */
export function describeFrame(frame: ReceivedFrame): string {
  const { type, stream, payload } = frame;
  if (type === "GOAWAY") return `GOAWAY ${errorCodeOf(frame)} (${payload.toString("latin1", 8)})`;
  if (type === "RST_STREAM") return `RST_STREAM ${errorCodeOf(frame)} on stream ${stream}`;
  return `${type} of ${payload.length} bytes, flags 0x${frame.flags.toString(16)}, on stream ${stream}`;
}

export function has(frame: ReceivedFrame, flag: keyof typeof flags): boolean {
  return (frame.flags & flags[flag]) !== 0;
}

/** The payload of a DATA or HEADERS frame without padding and priority. */
export function contentOf(frame: ReceivedFrame): Buffer {
  const { payload } = frame;
  const padding = has(frame, "PADDED") ? payload.readUInt8(0) : 0;
  const start = (has(frame, "PADDED") ? 1 : 0) + (frame.type === "HEADERS" && has(frame, "PRIORITY") ? 5 : 0);
  return payload.subarray(start, payload.length - padding);
}
