import type { Cancel, Clock } from "@realchat/presence-runtime";
import { pause } from "@realchat/presence-runtime/clock";
import { makeClient } from "../../connection.ts";
import { addressAt, type RedisAddress } from "../../redis-address.ts";
import { describe, isRefusal, RedisError, replyBehind } from "../../redis-error.ts";
import type { Reply } from "../../replies.ts";
import { slotCount } from "./key-slot.ts";
import { type NodePlace, nameOf, type SlotMap, slotMapIn } from "./slot-map.ts";

/** One who can be asked for the map: sends commands to a node. */
export interface MapSource {
  readonly place: NodePlace;
  send(command: readonly string[]): Promise<Reply>;
}

/** Who follows the map. */
export interface MapFollower {
  /** Hears after each look, whether the map is another one or not. */
  follow(): void;
  /** Whether all its parts are served: until then the map is asked for more often. */
  readonly isWhole: boolean;
  /** Those of its nodes that can be asked now. */
  readonly sources: readonly MapSource[];
}

interface ClusterMapOptions {
  /** Of any node, or of a name behind which there are some. */
  readonly seed: RedisAddress;
  /** Where else to begin when that one is away. */
  readonly furtherSeeds: readonly NodePlace[];
  readonly commandTimeoutMs: number;
}

const lookPeriodMs = 250;
/** How often the map is asked for while all is well. */
const refreshMs = 1_000;
/** A node that does not answer for so long is passed over. */
const askTimeoutMs = 500;

/**
 * Which node has which slots. Asked of one node after the other, in turns; a node that does not see most of the
 * Cluster is not believed. What a node says with MOVED counts until the next map.
 */
export class ClusterMap {
  readonly #options: ClusterMapOptions;
  readonly #clock: Clock;
  readonly #followers: MapFollower[] = [];
  readonly #moved = new Map<number, NodePlace>();
  #map: SlotMap | undefined;
  #trouble = "no node was asked yet";
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #turn = 0;
  #isAsking = false;
  #isClosed = false;
  #stop: Cancel = () => {};

  constructor(options: ClusterMapOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** For messages and logs. */
  get shown(): string {
    return this.#options.seed.shown;
  }

  /** Why the map may be out of date; undefined when it is not. */
  get trouble(): string | undefined {
    return this.#trouble === "" ? undefined : this.#trouble;
  }

  addFollower(follower: MapFollower): void {
    this.#followers.push(follower);
  }

  /** @throws RedisError REFUSED when a seed does not let us in, or is part of no Cluster */
  async start(): Promise<void> {
    for (const seed of this.#seeds) {
      try {
        await this.#ask(this.#door(seed));
        break;
      } catch (error) {
        const refusal = refusalIn(error, this.addressOf(seed).shown);
        if (refusal === undefined) continue;
        this.close();
        throw refusal;
      }
    }
    this.#stop = this.#clock.every(lookPeriodMs, () => this.#look());
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  /** The primary that has the slot, as far as is known. */
  primaryOf(slot: number): NodePlace | undefined {
    return this.#moved.get(slot) ?? this.#map?.primaryOf(slot);
  }

  /** As a server that had the slot said with MOVED. */
  moved(slot: number, to: NodePlace): void {
    this.#moved.set(slot, to);
    this.prompt();
  }

  /** Something is not as the map says: asks anew at once, but not faster than is good for the servers. */
  prompt(): void {
    this.#askedAtMs = Math.min(this.#askedAtMs, this.#clock.monotonicMs() - refreshMs);
    queueMicrotask(() => this.#tell());
  }

  /** Where a node is, as whom it is used. */
  addressOf(place: NodePlace): RedisAddress {
    return addressAt(this.#options.seed, place.host, place.port);
  }

  get #seeds(): readonly NodePlace[] {
    return [placeOf(this.#options.seed), ...this.#options.furtherSeeds];
  }

  #look(): void {
    this.#tell();
    const isWhole = this.#map !== undefined && this.#followers.every((follower) => follower.isWhole);
    const dueMs = this.#askedAtMs + (isWhole ? refreshMs : 0);
    if (this.#isAsking || this.#clock.monotonicMs() < dueMs) return;
    this.#ask(this.#nextSource()).catch(() => {});
  }

  #tell(): void {
    if (this.#isClosed) return;
    for (const follower of this.#followers) follower.follow();
  }

  async #ask(source: MapSource): Promise<void> {
    this.#isAsking = true;
    this.#askedAtMs = this.#clock.monotonicMs();
    try {
      const answers = Promise.all([source.send(["CLUSTER", "INFO"]), source.send(["CLUSTER", "SLOTS"])]);
      const [info, slots] = await within(askTimeoutMs, answers, this.#clock);
      const fault = faultIn(String(info));
      if (fault !== undefined) throw new Error(fault);
      this.#map = slotMapIn(slots, source.place);
      this.#moved.clear();
      this.#trouble = "";
    } catch (error) {
      this.#trouble = `${nameOf(source.place)}: ${describe(error)}`;
      throw error;
    } finally {
      this.#isAsking = false;
      this.#tell();
    }
  }

  /** Nodes that are connected take turns; where there are none, all that were ever named, and the seed. */
  #nextSource(): MapSource {
    this.#turn += 1;
    const connected = this.#followers.flatMap(({ sources }) => sources);
    if (connected.length > 0) return connected[this.#turn % connected.length] as MapSource;
    const places = [...this.#seeds, ...(this.#map?.nodes ?? [])];
    return this.#door(places[this.#turn % places.length] as NodePlace);
  }

  /** Asks on a connection for this one time. */
  #door(place: NodePlace): MapSource {
    const { commandTimeoutMs } = this.#options;
    const client = makeClient(this.addressOf(place), { commandTimeoutMs, maxCommands: 10 });
    client.on("error", () => {});
    let open: Promise<unknown> | undefined;
    let awaited = 0;
    return {
      place,
      async send(command) {
        open ??= client.connect();
        awaited += 1;
        try {
          await open;
          return await client.sendCommand<Reply>(command);
        } finally {
          awaited -= 1;
          if (awaited === 0) client.destroy();
        }
      },
    };
  }
}

/**
 * What a node says of itself that keeps it from being believed, in CLUSTER INFO. That another one failed is a majority's
 * word: it sees one, and refuses all the same when it wants every slot served.
 * Source: Redis' src/cluster_legacy.c, clusterUpdateState
 */
function faultIn(info: string): string | undefined {
  if (info.includes("cluster_state:ok")) return undefined;
  const figure = (name: string) => Number(new RegExp(`^cluster_${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const lacking = slotCount - figure("slots_assigned") + figure("slots_fail");
  if (lacking === 0 || figure("slots_pfail") > 0) return "it does not see most of the Cluster";
  return `it refuses every slot since no node serves ${lacking} of them: set cluster-require-full-coverage to no`;
}

function placeOf(address: RedisAddress): NodePlace {
  const { hostname, port } = new URL(address.url);
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port || 6379) };
}

function refusalIn(error: unknown, shown: string): RedisError | undefined {
  if (replyBehind(error).includes("cluster support disabled")) {
    return new RedisError("REFUSED", `${shown} is part of no Redis Cluster: leave out REDIS_CLUSTER`, { cause: error });
  }
  return isRefusal(error) ? new RedisError("REFUSED", `${shown}: ${describe(error)}`, { cause: error }) : undefined;
}

async function within<T>(ms: number, answer: Promise<T>, clock: Clock): Promise<T> {
  const isSettled = new AbortController();
  const silence = pause(clock, ms, isSettled.signal).then(() => {
    throw new Error(`no reply for ${ms} ms`);
  });
  silence.catch(() => {});
  try {
    return await Promise.race([answer, silence]);
  } finally {
    isSettled.abort();
  }
}
