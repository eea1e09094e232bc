import type { RpcLimits } from "../limits.ts";
import { LimitExceeded } from "./limit-exceeded.ts";

/** A block of fields that did not fit in its HEADERS frame (RFC 9113 §4.3), bounded against CVE-2024-27316. */
export class HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly begunMs: number;
  readonly #limits: RpcLimits;
  readonly #fragments: Buffer[] = [];
  #bytes = 0;

  constructor(streamId: number, endStream: boolean, begunMs: number, limits: RpcLimits) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.begunMs = begunMs;
    this.#limits = limits;
  }

  /** @throws LimitExceeded */
  add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#fragments.length >= this.#limits.headerFramesMax) throw new LimitExceeded("headerFramesMax");
    if (this.#bytes > this.#limits.headerBlockMaxBytes) throw new LimitExceeded("headerBlockMaxBytes");
    this.#fragments.push(bytes.subarray(start, end));
  }

  whole(): Buffer {
    return Buffer.concat(this.#fragments, this.#bytes);
  }
}
