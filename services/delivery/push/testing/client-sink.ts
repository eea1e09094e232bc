import type { Clock } from "@realchat/presence-runtime/clock";
import { envelopeFrames } from "../../gateway/protocols/envelope-frames.ts";
import { jsonFrames } from "../../gateway/protocols/json-frames.ts";
import type { FrameFormat } from "../frame-format.ts";
import type { FrameSink } from "../frame-sink.ts";

/** Frames as clients get them, but for their version, which is the clock's. */
const formats = [jsonFrames, envelopeFrames].map(
  (format): FrameFormat => ({
    ...format,
    snapshot: (users) => format.snapshot(users, version),
    presence: (users) => format.presence(users, version),
  }),
);
const version = 1_790_000_000_000_000;

/** What a client got, byte for byte, or `closed`; and when. */
export interface Told {
  readonly atMs: number;
  readonly frames: string;
}

/** A socket of a client of one of both protocols, which remembers what it got. */
export class ClientSink implements FrameSink {
  readonly format: FrameFormat;
  readonly told: Told[] = [];
  /** While it is held, the network takes nothing. */
  isHeld = false;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #taken: (() => void) | undefined;

  constructor(protocol: number, clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
    this.format = formats[protocol % formats.length] as FrameFormat;
  }

  send(frames: Buffer, taken: () => void): boolean {
    this.#tell(frames.toString("latin1"));
    if (this.isHeld) this.#taken = taken;
    return !this.isHeld;
  }

  closeSlow(): void {
    this.#tell("closed");
  }

  /** The network takes what was written. */
  release(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  #tell(frames: string): void {
    this.told.push({ atMs: this.#clock.monotonicMs(), frames });
  }
}
