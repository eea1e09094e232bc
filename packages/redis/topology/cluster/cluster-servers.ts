import type { Cancel, Clock } from "@realchat/presence-runtime";
import { type LossReason, lossReasons } from "../../loss-reason.ts";
import { describe, RedisError, unavailable } from "../../redis-error.ts";
import {
  noListeners,
  type RedisServer,
  type RedisServers,
  type ServersOptions,
  type ServersUse,
} from "../redis-servers.ts";
import type { ClusterMap, MapFollower, MapSource } from "./cluster-map.ts";
import { ClusterNode } from "./cluster-node.ts";
import { keySlot } from "./key-slot.ts";
import { PartLink } from "./part-link.ts";
import { type NodePlace, nameOf } from "./slot-map.ts";

const watchPeriodMs = 100;
/** A node that refused us is asked again after this time. */
const refusedMs = 1_000;

/** The primaries of a Redis Cluster that have our parts, a connection to each. */
export class ClusterServers implements RedisServers, MapFollower {
  readonly links: readonly PartLink[];
  readonly downAfterMs = undefined;
  readonly #map: ClusterMap;
  readonly #options: ServersOptions;
  readonly #clock: Clock;
  /** By name. */
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #losses = Object.fromEntries(lossReasons.map((reason) => [reason, 0])) as Record<LossReason, number>;
  /** Nodes that must not be connected yet, by name, until when. */
  readonly #refused = new Map<string, number>();
  readonly #isBeside: boolean;
  #isStarted = false;
  #stop: Cancel = () => {};

  /** @param isBeside others look after the map, and are asked for it */
  constructor(map: ClusterMap, options: ServersOptions, clock: Clock, isBeside = false) {
    this.#map = map;
    this.#options = options;
    this.#clock = clock;
    this.#isBeside = isBeside;
    const makeError = options.unavailable ?? unavailable;
    this.links = options.parts.map((key, part) => new PartLink({ part, slot: keySlot(key) }, map, makeError));
    map.addFollower(this);
  }

  get servers(): readonly RedisServer[] {
    const serving = [...this.#nodes.values()].filter(({ parts, connection }) => parts.size > 0 && connection.isReady);
    return serving.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  get pending(): number {
    return sum([...this.#nodes.values()].map(({ connection }) => connection.pending));
  }

  get losses(): Readonly<Record<LossReason, number>> {
    const counts = { ...this.#losses };
    for (const { connection } of this.#nodes.values()) addLosses(counts, connection.losses);
    return counts;
  }

  get detail(): string {
    const away = new Set(this.links.filter((link) => !link.isReady).map(({ detail }) => detail));
    if (away.size > 0) return [...away].join("; ");
    return [...this.#nodes.values()].map(({ connection }) => connection.detail).join(", ");
  }

  get isWhole(): boolean {
    return !this.#isStarted || this.links.every(({ isReady }) => isReady);
  }

  /** Connections that hear announcements can be asked nothing else. */
  get sources(): readonly MapSource[] {
    if (this.#isBeside) return [];
    return [...this.#nodes.values()]
      .filter(({ connection, isStalled }) => connection.isReady && !isStalled)
      .map((node) => ({ place: node.place, send: (command) => node.send(command) }));
  }

  async start(): Promise<void> {
    if (!this.#isBeside) await this.#map.start();
    this.#isStarted = true;
    this.#stop = this.#clock.every(watchPeriodMs, () => {
      for (const node of this.#nodes.values()) node.watch();
    });
    const failures = await Promise.all(this.#assign().map((node) => this.#connect(node)));
    const refusal = failures.find((failure) => failure !== undefined);
    if (refusal === undefined) return;
    this.close();
    throw refusal;
  }

  close(): void {
    this.#isStarted = false;
    this.#stop();
    if (!this.#isBeside) this.#map.close();
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
  }

  beside(use: ServersUse): RedisServers {
    return new ClusterServers(this.#map, { ...this.#options, ...noListeners, ...use }, this.#clock, true);
  }

  /** See MapFollower. */
  follow(): void {
    if (!this.#isStarted) return;
    for (const node of this.#assign()) void this.#connect(node);
    for (const [name, node] of this.#nodes) {
      if (node.hasParts) void node.arrive();
      else this.#forget(name, node);
    }
  }

  /** Gives each part to the node that has it by the map; one that no node has stays where it was. @returns new nodes */
  #assign(): ClusterNode[] {
    const opened: ClusterNode[] = [];
    for (const [part, link] of this.links.entries()) {
      const place = this.#map.primaryOf(link.slot);
      if (place === undefined || link.assignedTo?.name === nameOf(place)) continue;
      const known = this.#nodes.get(nameOf(place));
      const node = known ?? this.#open(place);
      if (node === undefined) continue;
      if (known === undefined) opened.push(node);
      link.assignedTo?.release(part);
      link.assignedTo = node;
      node.assign(part);
    }
    return opened;
  }

  #open(place: NodePlace): ClusterNode | undefined {
    const name = nameOf(place);
    if ((this.#refused.get(name) ?? 0) > this.#clock.monotonicMs()) return undefined;
    const at = { place, name, address: this.#map.addressOf(place) };
    const node = new ClusterNode(at, this.#options, this.links, () => this.#map.prompt(), this.#clock);
    this.#nodes.set(name, node);
    return node;
  }

  /** @returns why the node must not be used, if so: then it is asked again later */
  async #connect(node: ClusterNode): Promise<unknown> {
    try {
      await node.connection.start();
      return undefined;
    } catch (error) {
      this.#refused.set(node.name, this.#clock.monotonicMs() + refusedMs);
      for (const link of this.links) {
        if (link.assignedTo !== node) continue;
        link.assignedTo = undefined;
        link.trouble = describe(error);
      }
      this.#forget(node.name, node);
      return error instanceof RedisError ? error : undefined;
    }
  }

  #forget(name: string, node: ClusterNode): void {
    node.close();
    addLosses(this.#losses, node.connection.losses);
    if (this.#nodes.get(name) === node) this.#nodes.delete(name);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function addLosses(to: Record<LossReason, number>, more: Readonly<Record<LossReason, number>>): void {
  for (const reason of lossReasons) to[reason] += more[reason];
}
