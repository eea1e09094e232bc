import type { RpcLimits } from "../limits.ts";
import { Standstill } from "./standstill.ts";

/** What a connection shows of itself at a tick. */
export interface Signs {
  /** Whether preface and SETTINGS have come. */
  readonly isGreeted: boolean;
  /** Frames read before the one that is being read; undefined: none is. */
  readonly framesRead: number | undefined;
  /** When a block of fields was begun that is not complete. */
  readonly blockBegunMs: number | undefined;
  /** Output that the operating system has not taken, and what it has. */
  readonly bytesWaiting: number;
  readonly bytesTaken: number;
  readonly isOccupied: boolean;
  readonly isClosing: boolean;
}

/** Of a connection that has nothing to do. */
export const atRest: Signs = {
  isGreeted: true,
  framesRead: undefined,
  blockBegunMs: undefined,
  bytesWaiting: 0,
  bytesTaken: 0,
  isOccupied: false,
  isClosing: false,
};

type Verdict =
  | "prefaceTimeoutMs"
  | "progressTimeoutMs"
  | "keepaliveTimeoutMs"
  | "idleTimeoutMs"
  /** Time to ask whether the peer is there. */
  | "ping"
  /** GOAWAY was sent, and the peer has had the time to read it. */
  | "closed";

const farewellMs = 1_000;

/** Finds out when a connection makes no progress: slow readers, slow writers, and peers that are gone. */
export class Liveness {
  readonly #limits: RpcLimits;
  readonly #openedMs: number;
  readonly #reading = new Standstill();
  readonly #writing = new Standstill();
  readonly #closing = new Standstill();
  #heardMs: number;
  #pingedMs: number | undefined;
  #idleSinceMs: number;

  constructor(limits: RpcLimits, nowMs: number) {
    this.#limits = limits;
    this.#openedMs = nowMs;
    this.#heardMs = nowMs;
    this.#idleSinceMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingedMs = undefined;
  }

  becameIdle(nowMs: number): void {
    this.#idleSinceMs = nowMs;
  }

  /** @returns the limit that is exceeded, or what there is to do */
  judge(nowMs: number, signs: Signs): Verdict | undefined {
    const limits = this.#limits;
    if (signs.isClosing) {
      const patienceMs = signs.bytesWaiting === 0 ? farewellMs : limits.progressTimeoutMs;
      return this.#closing.lastsMs(signs.bytesTaken, nowMs) > patienceMs ? "closed" : undefined;
    }
    if (!signs.isGreeted) return nowMs - this.#openedMs > limits.prefaceTimeoutMs ? "prefaceTimeoutMs" : undefined;
    const readingMs = this.#reading.lastsMs(signs.framesRead, nowMs);
    const blockMs = signs.blockBegunMs === undefined ? 0 : nowMs - signs.blockBegunMs;
    const writingMs = this.#writing.lastsMs(signs.bytesWaiting === 0 ? undefined : signs.bytesTaken, nowMs);
    if (Math.max(readingMs, blockMs, writingMs) > limits.progressTimeoutMs) return "progressTimeoutMs";
    // A peer that takes what we send is there; as long as that is too much, it is not read.
    if (signs.bytesWaiting > 0 && writingMs === 0) this.heard(nowMs);
    return this.#isSilent(nowMs) ?? this.#isIdle(nowMs, signs);
  }

  #isSilent(nowMs: number): Verdict | undefined {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#limits;
    if (this.#pingedMs !== undefined) {
      return nowMs - this.#pingedMs > keepaliveTimeoutMs ? "keepaliveTimeoutMs" : undefined;
    }
    if (nowMs - this.#heardMs < keepaliveTimeMs) return undefined;
    this.#pingedMs = nowMs;
    return "ping";
  }

  #isIdle(nowMs: number, { isOccupied }: Signs): Verdict | undefined {
    const { idleTimeoutMs } = this.#limits;
    if (idleTimeoutMs === 0 || isOccupied || nowMs - this.#idleSinceMs <= idleTimeoutMs) return undefined;
    return "idleTimeoutMs";
  }
}
