import {
  type AffectedPairs,
  type AudienceChange,
  type AudienceDirectory,
  beforeAllRecords,
  type ChangeBatch,
  type SourcePosition,
} from "../directory.ts";
import { nextLatest } from "../facts.ts";

/**
 * What a gateway does with the directory: it reads sources, applies records, and checks the affected pairs again, and
 * no others. Its view shows whether enough pairs were reported.
 */
export class SimulatedGateway {
  readonly #directory: AudienceDirectory;
  readonly #sources: readonly (readonly AudienceChange[])[];
  readonly #users: readonly string[];
  #positions = new Map<number, SourcePosition>();
  #last: ChangeBatch = { changes: [] };
  #imports = 0;
  readonly #visible = new Set<string>();

  constructor(directory: AudienceDirectory, sources: readonly (readonly AudienceChange[])[], users: readonly string[]) {
    this.#directory = directory;
    this.#sources = sources;
    this.#users = users;
  }

  sees(viewer: string, user: string): boolean {
    return this.#visible.has(keyOf(viewer, user));
  }

  async restart(): Promise<void> {
    const { positions } = await this.#directory.state();
    this.#positions = new Map();
    for (const source of this.#sources.keys()) {
      const position = positions.get(nameOf(source));
      if (position !== undefined) this.#positions.set(source, position);
    }
    await this.#recheckAll();
  }

  /** @returns the affected pairs, and the offset of the last record */
  async read(source: number, records: number): Promise<{ affected: AffectedPairs[]; offset: number }> {
    const after = this.#positions.get(source);
    const first = (after?.offset ?? -1) + 1;
    const changes = this.#sources[source]?.slice(first, first + records) ?? [];
    const last = changes.at(-1);
    if (last === undefined) return { affected: [], offset: first - 1 };
    const at = changes.reduce((latest, change) => nextLatest(latest, change.at), after?.at ?? beforeAllRecords);
    const upTo = { offset: first + changes.length - 1, at };
    const affected = await this.apply({ origin: { source: nameOf(source), after, upTo }, changes });
    this.#positions.set(source, upTo);
    return { affected, offset: upTo.offset };
  }

  async readAll(): Promise<void> {
    for (const source of this.#sources.keys()) await this.read(source, Number.POSITIVE_INFINITY);
  }

  async apply(batch: ChangeBatch): Promise<AffectedPairs[]> {
    this.#last = batch;
    const affected = await this.#directory.apply(batch);
    for (const { users, others } of affected) {
      for (const user of users) await this.#recheck(user, others);
      for (const other of others) await this.#recheck(other, users);
    }
    return affected;
  }

  repeat(): Promise<AffectedPairs[]> {
    return this.apply(this.#last);
  }

  /** Checks all pairs again if there was an import. */
  async pollImports(): Promise<void> {
    const { imports } = await this.#directory.state();
    if (imports === this.#imports) return;
    this.#imports = imports;
    await this.#recheckAll();
  }

  async #recheckAll(): Promise<void> {
    for (const user of this.#users) await this.#recheck(user, this.#users);
  }

  async #recheck(viewer: string, users: readonly string[]): Promise<void> {
    const visible = await this.#directory.maySee(viewer, users);
    for (const user of users) {
      if (visible.has(user)) this.#visible.add(keyOf(viewer, user));
      else this.#visible.delete(keyOf(viewer, user));
    }
  }
}

function keyOf(viewer: string, user: string): string {
  return JSON.stringify([viewer, user]);
}

function nameOf(source: number): string {
  return `topic:${source}`;
}
