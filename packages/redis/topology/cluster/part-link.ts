import { describe, replyBehind } from "../../redis-error.ts";
import type { Reply } from "../../replies.ts";
import type { RedisLink } from "../redis-servers.ts";
import type { ClusterMap } from "./cluster-map.ts";
import { movedTo, type NodePlace } from "./slot-map.ts";

/** What a link needs of a node. */
interface ServingNode {
  readonly name: string;
  readonly place: NodePlace;
  readonly connection: { readonly isReady: boolean; readonly detail: string };
  /** Whether calls had to wait for replies for too long, and do not any more. */
  readonly isStalled: boolean;
  /** What such calls are told. */
  silence(): Error;
  send(command: readonly (string | Buffer)[]): Promise<Reply>;
  release(part: number): void;
  /** The part is not served until it was prepared again. */
  leave(part: number): void;
}

/** The link of one part: goes to whichever server serves it now. */
export class PartLink implements RedisLink {
  readonly slot: number;
  /** The node that has it by the map. */
  assignedTo: ServingNode | undefined;
  /** Why it is not served. */
  trouble = "it was not asked yet";
  readonly #part: number;
  readonly #map: ClusterMap;
  readonly #makeError: (message: string, options: ErrorOptions) => Error;
  #node: ServingNode | undefined;

  constructor(
    at: { part: number; slot: number },
    map: ClusterMap,
    makeError: (message: string, options: ErrorOptions) => Error,
  ) {
    this.slot = at.slot;
    this.#part = at.part;
    this.#map = map;
    this.#makeError = makeError;
  }

  get isReady(): boolean {
    return this.#node !== undefined && !this.#node.isStalled;
  }

  get detail(): string {
    const node = this.#node ?? this.assignedTo;
    if (node === undefined)
      return `no node of ${this.#map.shown} has its slot ${this.slot} (${this.#map.trouble ?? "it is unassigned"})`;
    if (node.isStalled) return describe(node.silence());
    if (this.#node === undefined && node.connection.isReady)
      return `${node.name} does not serve its slot ${this.slot}: ${this.trouble}`;
    const { trouble } = this.#map;
    return trouble === undefined ? node.connection.detail : `${node.connection.detail} (${trouble})`;
  }

  /** @param node undefined: it is not served now */
  servedBy(node: ServingNode | undefined): void {
    this.#node = node;
  }

  async send(command: readonly (string | Buffer)[]): Promise<Reply> {
    const node = this.#node;
    if (node === undefined || node.isStalled) throw this.unavailable();
    try {
      return await node.send(command);
    } catch (error) {
      this.refused(node, error);
      throw error;
    }
  }

  /** A node refused a command: perhaps it has the part no more. The command is never sent again elsewhere. */
  refused(node: ServingNode, error: unknown): void {
    const to = movedTo(replyBehind(error), node.place);
    if (to === undefined) return;
    this.trouble = describe(error);
    node.leave(this.#part);
    this.#map.moved(this.slot, to);
  }

  unavailable(): Error {
    return this.failure(new Error(this.detail));
  }

  failure(cause: unknown): Error {
    return this.#makeError(`${this.#map.shown} cannot answer: ${describe(cause)}`, { cause });
  }

  /** It is prepared again before it is used. */
  drop(error: unknown): void {
    this.trouble = describe(error);
    this.#node?.leave(this.#part);
  }
}
