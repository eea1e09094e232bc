import { type Cancel, type Clock, pause } from "@realchat/presence-runtime";
import { RedisConnection } from "./connection.ts";
import { addressAt, parseRedisUrl, type RedisAddress } from "./redis-address.ts";
import { describe, RedisError, replyBehind } from "./redis-error.ts";
import { locatorAt, type RedisLocator } from "./redis-locator.ts";
import type { RedisPlace, SentinelPlace } from "./redis-place.ts";
import { list, type Reply, text } from "./replies.ts";

/** How often every Sentinel is asked, ms: how long a master that was replaced and can still be reached is used. */
const periodMs = 1_000;
/** Silence that is taken for a dead Sentinel, ms. */
const timeoutMs = 1_000;
/** How long the others are waited for when one has answered, ms. */
const settlingMs = 100;
const maxCommands = 100;

/** What a Sentinel says. */
interface Answer {
  readonly host: string;
  readonly port: number;
  /** Grows with every fail-over. */
  readonly epoch: number;
  /** Silence after which it takes a server for dead, ms. */
  readonly downAfterMs: number;
}

/** A Sentinel and a connection to it. */
interface Sentinel {
  readonly connection: RedisConnection;
  /** Why it will never answer with this configuration. */
  refusal: unknown;
}

/**
 * Follows the master by the word of its Sentinels. All of them are asked, each second and before every connection, and
 * the one who knows of the latest fail-over is believed: one that was cut off names an old master.
 * Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
 */
export class SentinelLocator implements RedisLocator {
  readonly shown: string;
  /** The master's address but for host and port. */
  readonly #anywhere: RedisAddress;
  readonly #master: string;
  readonly #sentinels: readonly Sentinel[];
  readonly #clock: Clock;
  #known: (Answer & { readonly address: RedisAddress }) | undefined;
  #cancel: Cancel | undefined;

  /** @throws TypeError for a URL that is none */
  constructor(place: RedisPlace & { readonly sentinel: SentinelPlace }, clock: Clock) {
    const { sentinel, url, tlsCa, current } = place;
    const { protocol, pathname } = new URL(url);
    this.#anywhere = parseRedisUrl(url, tlsCa, current);
    this.#master = sentinel.master;
    this.#clock = clock;
    this.shown = `${protocol}//${sentinel.master}${pathname.length > 1 ? pathname : ""} by Sentinel`;
    const currentOfSentinels = () => {
      const now = current?.() ?? place;
      return { url: sentinelUrl(url, now.sentinel ?? sentinel), tlsCa: now.tlsCa };
    };
    const any = parseRedisUrl(sentinelUrl(url, sentinel), tlsCa, currentOfSentinels);
    this.#sentinels = sentinel.addresses.map(({ host, port }) => {
      const address = addressAt(any, host, port);
      const prepare = async () => "Sentinel";
      const options = { locator: locatorAt(address), maxCommands, commandTimeoutMs: timeoutMs, prepare };
      return { connection: new RedisConnection(options, clock), refusal: undefined };
    });
  }

  get downAfterMs(): number | undefined {
    return this.#known?.downAfterMs;
  }

  async locate(): Promise<RedisAddress> {
    if (this.#cancel === undefined) {
      this.#cancel = this.#clock.every(periodMs, () => void this.#askAll());
      await this.#firstOf(this.#sentinels.map((sentinel) => this.#start(sentinel)));
    }
    const refusals = await this.#askAll();
    if (refusals.some((refusal) => refusal === undefined) && this.#known !== undefined) return this.#known.address;
    const details = this.#sentinels.map(({ connection }, index) => {
      return refusals[index] === undefined ? connection.detail : describe(refusals[index]);
    });
    const isFinal = this.#sentinels.every(({ refusal }) => refusal !== undefined);
    throw new RedisError(
      isFinal ? "REFUSED" : "UNAVAILABLE",
      `no Sentinel names ${this.#master}: ${details.join("; ")}`,
    );
  }

  moved(address: RedisAddress): string | undefined {
    const known = this.#known?.address;
    return known === undefined || known.url === address.url ? undefined : `the master is ${known.shown} now`;
  }

  close(): void {
    this.#cancel?.();
    for (const { connection } of this.#sentinels) connection.close();
  }

  /** @returns by Sentinel: why it did not answer; undefined when it did */
  async #askAll(): Promise<readonly unknown[]> {
    const answers: Answer[] = [];
    const refusals: unknown[] = this.#sentinels.map(() => new Error("does not answer yet"));
    await this.#firstOf(
      this.#sentinels.map(async (sentinel, index) => {
        try {
          answers.push(await this.#ask(sentinel));
          refusals[index] = undefined;
        } catch (error) {
          refusals[index] = error;
          throw error;
        }
      }),
    );
    this.#believe(answers);
    return refusals;
  }

  /** Waits until one of them has worked, and a moment for the others; or until all have failed. */
  async #firstOf(tries: readonly Promise<void>[]): Promise<void> {
    const all = Promise.allSettled(tries);
    const first = Promise.any(tries).then(
      () => pause(this.#clock, settlingMs),
      () => {},
    );
    await Promise.race([all, first]);
  }

  async #start(sentinel: Sentinel): Promise<void> {
    sentinel.refusal = undefined;
    await sentinel.connection.start().catch((error) => {
      sentinel.refusal = error;
      throw error;
    });
  }

  async #ask(sentinel: Sentinel): Promise<Answer> {
    // One that let nobody in may do so later: its configuration was changed.
    if (sentinel.refusal !== undefined) await this.#start(sentinel);
    const { connection } = sentinel;
    try {
      // In this order: a fail-over in between makes the address newer than its epoch, and never older.
      const [master, address] = await Promise.all([
        connection.send(["SENTINEL", "MASTER", this.#master]),
        connection.send(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.#master]),
      ]);
      return answerIn(list(master), list(address));
    } catch (error) {
      if (/^ERR (No such master|unknown command)/.test(replyBehind(error))) {
        sentinel.refusal = error;
        connection.close();
      }
      throw error;
    }
  }

  /** Takes the latest of the answers; an older one than is known only if most Sentinels know no better. */
  #believe(answers: readonly Answer[]): void {
    const epoch = Math.max(...answers.map((answer) => answer.epoch));
    const latest = answers.filter((answer) => answer.epoch === epoch);
    const known = this.#known;
    const isMost = answers.length * 2 > this.#sentinels.length;
    if (latest.length === 0 || (known !== undefined && epoch < known.epoch && !isMost)) return;
    const isKnown = (answer: Answer) => answer.host === known?.host && answer.port === known.port;
    const answer = latest.find(isKnown) ?? (latest[0] as Answer);
    this.#known = { ...answer, address: addressAt(this.#anywhere, answer.host, answer.port) };
  }
}

/** https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-commands */
function answerIn(master: readonly Reply[], address: readonly Reply[]): Answer {
  const read = (name: string) => Number(master[master.indexOf(name) + 1]);
  return {
    host: text(address[0]),
    port: Number(text(address[1])),
    epoch: read("config-epoch"),
    downAfterMs: read("down-after-milliseconds"),
  };
}

/** As whom the Sentinels are asked; over TLS if the servers have it. Any host and port. */
function sentinelUrl(url: string, { username = "", password = "" }: SentinelPlace): string {
  const parsed = new URL(`${new URL(url).protocol}//sentinel`);
  parsed.username = encodeURIComponent(username);
  parsed.password = encodeURIComponent(password);
  return parsed.href;
}
