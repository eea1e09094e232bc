import { frameFlags, frameHeadBytes, frameTypes } from "./frame.ts";

/** Where frames are put together: room for `length` more bytes at `buffer[at]`. */
export interface FrameRoom {
  readonly buffer: Buffer;
  /**
   * @param canWait whether it need not leave before what else the event loop has to do now
   * @returns the offset in `buffer`, which a later call may replace
   */
  take(length: number, canWait?: boolean): number;
}

export function writeFrameHead(
  buffer: Buffer,
  at: number,
  payloadBytes: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  buffer[at] = payloadBytes >>> 16;
  buffer[at + 1] = payloadBytes >>> 8;
  buffer[at + 2] = payloadBytes;
  buffer[at + 3] = type;
  buffer[at + 4] = flags;
  buffer[at + 5] = streamId >>> 24;
  buffer[at + 6] = streamId >>> 16;
  buffer[at + 7] = streamId >>> 8;
  buffer[at + 8] = streamId;
}

/** @param values setting id → value */
export function writeSettings(room: FrameRoom, values: readonly (readonly [number, number])[]): void {
  let at = room.take(frameHeadBytes + values.length * 6);
  writeFrameHead(room.buffer, at, values.length * 6, frameTypes.SETTINGS, 0, 0);
  at += frameHeadBytes;
  for (const [id, value] of values) {
    room.buffer.writeUInt16BE(id, at);
    room.buffer.writeUInt32BE(value, at + 2);
    at += 6;
  }
}

export function writeSettingsAck(room: FrameRoom): void {
  const at = room.take(frameHeadBytes, true);
  writeFrameHead(room.buffer, at, 0, frameTypes.SETTINGS, frameFlags.ACK, 0);
}

/** @param opaque holds the eight bytes from `from` on */
export function writePing(room: FrameRoom, flags: number, opaque: Buffer, from: number): void {
  const at = room.take(frameHeadBytes + 8, true);
  writeFrameHead(room.buffer, at, 8, frameTypes.PING, flags, 0);
  opaque.copy(room.buffer, at + frameHeadBytes, from, from + 8);
}

export function writeWindowUpdate(room: FrameRoom, streamId: number, increment: number): void {
  const at = room.take(frameHeadBytes + 4, true);
  writeFrameHead(room.buffer, at, 4, frameTypes.WINDOW_UPDATE, 0, streamId);
  room.buffer.writeUInt32BE(increment, at + frameHeadBytes);
}

export function writeReset(room: FrameRoom, streamId: number, errorCode: number): void {
  const at = room.take(frameHeadBytes + 4);
  writeFrameHead(room.buffer, at, 4, frameTypes.RST_STREAM, 0, streamId);
  room.buffer.writeUInt32BE(errorCode, at + frameHeadBytes);
}

/** @param debug text for readers of a trace; ASCII */
export function writeGoaway(room: FrameRoom, lastStreamId: number, errorCode: number, debug: string): void {
  const payloadBytes = 8 + debug.length;
  const at = room.take(frameHeadBytes + payloadBytes);
  writeFrameHead(room.buffer, at, payloadBytes, frameTypes.GOAWAY, 0, 0);
  room.buffer.writeUInt32BE(lastStreamId, at + frameHeadBytes);
  room.buffer.writeUInt32BE(errorCode, at + frameHeadBytes + 4);
  room.buffer.write(debug, at + frameHeadBytes + 8, "latin1");
}
