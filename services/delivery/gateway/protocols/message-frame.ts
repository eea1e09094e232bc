/**
 * Whole frames, as a server sends them: not masked, not compressed. They are made once and written as they are to any number
 * of sockets. Source: RFC 6455 §5.2
 */

const fin = 0x80;
const textOpcode = 0x1;
const binaryOpcode = 0x2;
const pingOpcode = 0x9;

/** Payload lengths from which the header has two, or eight more bytes for them. */
const twoBytesFrom = 126;
const eightBytesFrom = 2 ** 16;

/** A ping without payload. */
export const pingFrame = Buffer.of(fin | pingOpcode, 0);

export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerBytes(length) + length);
  frame.write(text, writeHeader(frame, textOpcode, length));
  return frame;
}

export function binaryFrame(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes(payload.length) + payload.length);
  frame.set(payload, writeHeader(frame, binaryOpcode, payload.length));
  return frame;
}

function headerBytes(length: number): number {
  return length < twoBytesFrom ? 2 : length < eightBytesFrom ? 4 : 10;
}

/** @returns where the payload begins */
function writeHeader(frame: Buffer, opcode: number, length: number): number {
  frame[0] = fin | opcode;
  if (length < twoBytesFrom) {
    frame[1] = length;
    return 2;
  }
  if (length < eightBytesFrom) {
    frame[1] = 126;
    return frame.writeUInt16BE(length, 2);
  }
  frame[1] = 127;
  return frame.writeBigUInt64BE(BigInt(length), 2);
}
