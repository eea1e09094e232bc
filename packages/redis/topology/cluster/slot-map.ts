import { integer, list, type Reply, text } from "../../replies.ts";

/** Where a node of a Cluster listens. */
export interface NodePlace {
  readonly host: string;
  readonly port: number;
}

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly primary: NodePlace;
}

/** Who has which slots, by the word of one node. */
export class SlotMap {
  readonly #ranges: readonly SlotRange[];
  /** All nodes named in it, replicas too. */
  readonly nodes: readonly NodePlace[];

  constructor(ranges: readonly SlotRange[], nodes: readonly NodePlace[]) {
    this.#ranges = ranges;
    this.nodes = nodes;
  }

  /** The primary that has the slot; undefined when none has. */
  primaryOf(slot: number): NodePlace | undefined {
    return this.#ranges.find(({ from, to }) => from <= slot && slot <= to)?.primary;
  }
}

/**
 * Reads what CLUSTER SLOTS answers: https://redis.io/docs/latest/commands/cluster-slots/
 * @param asked where the node is that answers: it may leave out its own name
 */
export function slotMapIn(reply: Reply, asked: NodePlace): SlotMap {
  const ranges: SlotRange[] = [];
  const nodes = new Map<string, NodePlace>();
  for (const range of list(reply)) {
    const [from, to, ...places] = list(range);
    const [primary, ...replicas] = places.map((place) => nodeIn(place, asked));
    for (const node of [primary, ...replicas]) if (node !== undefined) nodes.set(nameOf(node), node);
    if (primary !== undefined) ranges.push({ from: integer(from), to: integer(to), primary });
  }
  return new SlotMap(ranges, [...nodes.values()]);
}

/** @returns undefined for a node that does not know its own name yet */
function nodeIn(reply: Reply, asked: NodePlace): NodePlace | undefined {
  const [endpoint, port] = list(reply);
  if (endpoint === "?") return undefined;
  return { host: endpoint === null || endpoint === "" ? asked.host : text(endpoint), port: integer(port) };
}

/** Reads where a slot went from an error reply such as `MOVED 3999 127.0.0.1:6381`; undefined for any other. */
export function movedTo(reply: string, asked: NodePlace): NodePlace | undefined {
  const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec(reply) ?? [];
  return port === undefined ? undefined : { host: host || asked.host, port: Number(port) };
}

export function nameOf({ host, port }: NodePlace): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
