import type { RpcLimits } from "../limits.ts";
import { LimitExceeded } from "./limit-exceeded.ts";

/** A block of fields that did not fit in its HEADERS frame (RFC 9113 §4.3), bounded against CVE-2024-27316. */
export class HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  /** Whether its HEADERS frame says that the stream depends on itself. */
  readonly isCircular: boolean;
  readonly begunMs: number;
  readonly #limits: RpcLimits;
  readonly #fragments: Buffer[] = [];
  #bytes = 0;

  constructor(
    streamId: number,
    { endStream, isCircular }: { endStream: boolean; isCircular: boolean },
    begunMs: number,
    limits: RpcLimits,
  ) {
    this.streamId = streamId;
    this.endStream = endStream;
    this.isCircular = isCircular;
    this.begunMs = begunMs;
    this.#limits = limits;
  }

  /** @throws LimitExceeded */
  add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#fragments.length >= this.#limits.headerFramesMax) throw new LimitExceeded("headerFramesMax");
    if (this.#bytes > this.#limits.headerBlockMaxBytes) throw new LimitExceeded("headerBlockMaxBytes");
    // A copy: a part of what was read would keep all of it, up to 64 KiB for a byte.
    this.#fragments.push(Buffer.copyBytesFrom(bytes, start, end - start));
  }

  whole(): Buffer {
    return Buffer.concat(this.#fragments, this.#bytes);
  }
}
