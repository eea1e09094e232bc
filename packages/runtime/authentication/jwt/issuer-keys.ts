import { type CryptoKey, createRemoteJWKSet, type JWSHeaderParameters } from "jose";
import { type Cancel, type Clock, pause } from "../../clock.ts";
import { asymmetric } from "./algorithms.ts";
import { keysFitting, type SetKey, usableKeys } from "./key-set.ts";
import type { KeySource } from "./key-source.ts";
import { type Keys, KeysUnavailable } from "./verification-keys.ts";

const answerTimeoutMs = 5_000;

/** Readings that unknown keys may cause: so many at once, and one every two seconds in the long run. */
const readingsAtOnce = 5;
const readingEveryMs = 2_000;

/**
 * Keys from the issuer, kept until newer ones came: read anew every now and then, and when a token names a key that is
 * not among them. However many tokens do, they wait for the same reading, and readings are paced: names at random make
 * no storm. While the issuer is away, the keys that it gave last go on counting.
 */
export class IssuerKeys implements Keys {
  readonly algorithms = asymmetric;
  readonly #clock: Clock;
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  readonly #onFailure: (error: unknown) => void;
  readonly #stopRefreshing: Cancel;
  readonly #closing = new AbortController();
  /** undefined: none were had yet. */
  #keys: readonly SetKey[] | undefined;
  #reading: Promise<boolean> | undefined;
  /** When the last of the paced readings would have begun if none might begin at once. */
  #pacedMs = Number.NEGATIVE_INFINITY;

  constructor(
    { url, refreshMs }: Extract<KeySource, { kind: "jwks" }>,
    clock: Clock,
    onFailure: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#remote = createRemoteJWKSet(url, { timeoutDuration: answerTimeoutMs });
    this.#stopRefreshing = clock.every(refreshMs, () => void this.#readOnce(0));
    void this.#readOnce(0);
  }

  async *fitting(header: JWSHeaderParameters): AsyncIterable<CryptoKey> {
    const known = keysFitting(this.#keys ?? [], header);
    for (const { key } of known) yield key;
    // One that has the token's name was tried: what is signed otherwise is forged.
    if (header.kid !== undefined && known.some(({ kid }) => kid === header.kid)) return;
    const isRead = await this.#readOnce(this.#waitMs());
    if (!isRead && known.length === 0) throw new KeysUnavailable("the issuer's key set cannot be read");
    const tried = new Set(known);
    for (const found of keysFitting(this.#keys ?? [], header)) if (!tried.has(found)) yield found.key;
  }

  close(): void {
    this.#stopRefreshing();
    this.#closing.abort();
  }

  /** How long the next reading has to wait for its turn. Source: the generic cell rate algorithm, ITU-T I.371 annex A */
  #waitMs(): number {
    if (this.#reading !== undefined) return 0;
    const nowMs = this.#clock.monotonicMs();
    this.#pacedMs = Math.max(this.#pacedMs + readingEveryMs, nowMs);
    return Math.max(0, this.#pacedMs - nowMs - (readingsAtOnce - 1) * readingEveryMs);
  }

  /** Joins the reading that is under way or waits, else begins one. @returns whether it succeeded */
  #readOnce(waitMs: number): Promise<boolean> {
    this.#reading ??= this.#read(waitMs).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(waitMs: number): Promise<boolean> {
    if (waitMs > 0) await pause(this.#clock, waitMs, this.#closing.signal);
    if (this.#closing.signal.aborted) return false;
    try {
      await this.#remote.reload();
      this.#keys = await usableKeys(this.#remote.jwks() ?? { keys: [] });
      return true;
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
  }
}
