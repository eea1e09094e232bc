import { frameHead, types } from "../../testing/raw-http2/frames.ts";

/** A frame that a fuzzer sends, whether it is in order or not. */
export interface FuzzedFrame {
  readonly type: number;
  readonly flags: number;
  /** 32 bits: the reserved one may be set. */
  readonly stream: number;
  readonly payload: Buffer;
  /** The length that its head tells, if that is not the payload's. */
  readonly claims?: number;
}

export function bytesOf({ type, flags, stream, payload, claims = payload.length }: FuzzedFrame): Buffer {
  return Buffer.concat([frameHead(claims, type, flags, stream), payload]);
}

/** @param frame head and payload */
export function fuzzedFrameOf(frame: Buffer): FuzzedFrame {
  const payload = frame.subarray(9);
  return { type: frame.readUInt8(3), flags: frame.readUInt8(4), stream: frame.readUInt32BE(5), payload };
}

/** One line that people can read and `parseFrame` too, such as `PING flags 0x0 stream 0: 6120706f6e672031`. */
export function showFrame({ type, flags, stream, payload, claims }: FuzzedFrame): string {
  const name = names.get(type) ?? `TYPE-${type}`;
  const lie = claims === undefined ? "" : ` claims ${claims}`;
  return `${name} flags 0x${flags.toString(16)} stream ${stream}${lie}: ${payload.toString("hex")}`;
}

/** @throws Error when the line is not one of `showFrame` */
export function parseFrame(line: string): FuzzedFrame {
  const parts = /^(?:TYPE-(\d+)|([A-Z_]+)) flags 0x([0-9a-f]+) stream (\d+)(?: claims (\d+))?: ([0-9a-f]*)$/.exec(line);
  if (parts === null) throw new Error(`not a frame: ${line}`);
  const [, number, name, flags, stream, claims, payload] = parts;
  return {
    type: name === undefined ? Number(number) : types[name as keyof typeof types],
    flags: Number.parseInt(flags as string, 16),
    stream: Number(stream),
    payload: Buffer.from(payload as string, "hex"),
    ...(claims !== undefined && { claims: Number(claims) }),
  };
}

const names = new Map<number, string>(Object.entries(types).map(([name, type]) => [type, name]));
