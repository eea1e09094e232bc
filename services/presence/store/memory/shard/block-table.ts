import { type Block, type Refusal, refusalBy, subjectsOf } from "../../../domain/block.ts";

/** What is blocked. */
export class BlockTable {
  readonly #blocks: Map<string, Block>;

  /** @param blocks where they are kept, by subject */
  constructor(blocks = new Map<string, Block>()) {
    this.#blocks = blocks;
  }

  get size(): number {
    return this.#blocks.size;
  }

  /** @param blocks by subject: see decideClosing */
  add(blocks: ReadonlyMap<string, Block>): void {
    for (const [subject, block] of blocks) this.#blocks.set(subject, block);
  }

  refusal(userId: string, deviceId: string, connectionId: string, clockMs: number): Refusal | undefined {
    if (this.#blocks.size === 0) return undefined;
    const blocks = subjectsOf(userId, deviceId, connectionId).map((subject) => this.#blocks.get(subject));
    return refusalBy(blocks, clockMs);
  }

  forgetOver(clockMs: number): void {
    for (const [subject, { untilMs }] of this.#blocks) if (untilMs <= clockMs) this.#blocks.delete(subject);
  }
}
