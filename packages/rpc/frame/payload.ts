import { ConnectionError, frameFlags } from "./frame.ts";

/**
 * What RFC 9113 §6 says of single frames: checks that need nothing but the frame itself. A payload is `bytes` from
 * `start` to `end`. All of them throw ConnectionError.
 */

/** DATA, HEADERS, PRIORITY and RST_STREAM belong to a stream. */
export function checkOnStream(streamId: number, frame: string): void {
  if (streamId === 0) throw new ConnectionError("PROTOCOL_ERROR", `${frame} without a stream`);
}

/** SETTINGS, PING and GOAWAY belong to the connection. */
export function checkOnConnection(streamId: number, frame: string): void {
  if (streamId !== 0) throw new ConnectionError("PROTOCOL_ERROR", `${frame} on a stream`);
}

export function checkLength(length: number, start: number, end: number, frame: string): void {
  if (end - start !== length) throw new ConnectionError("FRAME_SIZE_ERROR", `${frame} has ${length} bytes`);
}

/** @returns where the content of a frame that may be padded begins: after the length of its padding */
export function contentStart(flags: number, start: number): number {
  return (flags & frameFlags.PADDED) === 0 ? start : start + 1;
}

/** @returns where that content ends, before the padding (§6.1) */
export function contentEnd(flags: number, bytes: Buffer, start: number, end: number): number {
  if ((flags & frameFlags.PADDED) === 0) return end;
  if (start === end) throw new ConnectionError("FRAME_SIZE_ERROR", "no room for the length of the padding");
  const to = end - (bytes[start] as number);
  if (to <= start) throw new ConnectionError("PROTOCOL_ERROR", "more padding than payload");
  return to;
}

/**
 * @param at where the content of a HEADERS frame begins
 * @returns where its fields begin: after the priority, if there is one
 */
export function fieldsStart(flags: number, at: number, to: number): number {
  if ((flags & frameFlags.PRIORITY) === 0) return at;
  if (to - at < 5) throw new ConnectionError("FRAME_SIZE_ERROR", "HEADERS are too short for their priority");
  return at + 5;
}

/**
 * A stream must not depend on itself (RFC 7540 §5.3.1; RFC 9113 drops priorities and keeps the frames).
 * @param at where the priority begins
 */
export function dependsOnItself(streamId: number, bytes: Buffer, at: number): boolean {
  return (bytes.readUInt32BE(at) & 0x7fffffff) === streamId;
}

/** @returns how many settings there are */
export function settingsCount(start: number, end: number): number {
  if ((end - start) % 6 !== 0) throw new ConnectionError("FRAME_SIZE_ERROR", "SETTINGS are cut off");
  return (end - start) / 6;
}

/** @returns the increment of a WINDOW_UPDATE, which may be 0 */
export function windowIncrement(bytes: Buffer, start: number, end: number): number {
  checkLength(4, start, end, "WINDOW_UPDATE");
  return bytes.readUInt32BE(start) & 0x7fffffff;
}

export function checkGoaway(streamId: number, start: number, end: number): void {
  checkOnConnection(streamId, "GOAWAY");
  if (end - start < 8) throw new ConnectionError("FRAME_SIZE_ERROR", "GOAWAY has at least eight bytes");
}
