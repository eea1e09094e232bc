import type { Refusal } from "./refusal.ts";

export interface SocketLimitOptions {
  readonly socketsMax: number;
  readonly userMaxSockets: number;
  readonly addressMaxSockets: number;
}

/** One socket, open or being opened, in the counts. */
export interface Place {
  /** Counts it for its user too, once that is known. */
  assignUser(userId: string): Refusal | undefined;
  /** Removes it from the counts; idempotent. */
  leave(): void;
}

/** Counts sockets in total, by user and by address, and refuses those above a limit. */
export class SocketLimits {
  readonly #options: SocketLimitOptions;
  readonly #byUser = new Map<string, number>();
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(options: SocketLimitOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#total;
  }

  enter(address: string): Place | Refusal {
    const { socketsMax, addressMaxSockets } = this.#options;
    if (this.#total >= socketsMax) {
      const message = `this gateway has ${socketsMax} sockets, its limit: try another one, or later`;
      return { reason: "sockets_total", status: 503, message };
    }
    if ((this.#byAddress.get(address) ?? 0) >= addressMaxSockets) {
      const message = `your address has ${addressMaxSockets} sockets here, its limit: close some`;
      return { reason: "sockets_of_address", status: 429, message };
    }
    this.#total++;
    count(this.#byAddress, address, 1);
    return new TakenPlace(this, address);
  }

  /** For a place's user, once that is known. */
  assign(userId: string): Refusal | undefined {
    const { userMaxSockets } = this.#options;
    if ((this.#byUser.get(userId) ?? 0) >= userMaxSockets) {
      const message = `this user has ${userMaxSockets} sockets here, the limit: close some`;
      return { reason: "sockets_of_user", status: 429, message };
    }
    count(this.#byUser, userId, 1);
    return undefined;
  }

  leave(address: string, userId: string | undefined): void {
    this.#total--;
    count(this.#byAddress, address, -1);
    if (userId !== undefined) count(this.#byUser, userId, -1);
  }
}

/** A class of two fields: every open socket has one. */
class TakenPlace implements Place {
  readonly #limits: SocketLimits;
  readonly #address: string;
  #userId: string | undefined;
  #isLeft = false;

  constructor(limits: SocketLimits, address: string) {
    this.#limits = limits;
    this.#address = address;
  }

  assignUser(userId: string): Refusal | undefined {
    const refusal = this.#limits.assign(userId);
    if (refusal === undefined) this.#userId = userId;
    return refusal;
  }

  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#limits.leave(this.#address, this.#userId);
  }
}

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const value = (counts.get(key) ?? 0) + by;
  if (value === 0) counts.delete(key);
  else counts.set(key, value);
}
