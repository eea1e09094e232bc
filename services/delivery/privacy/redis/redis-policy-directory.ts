import type { DirectoryServer } from "../../audience/redis/directory-server.ts";
import { unreadableState } from "../hidden-state.ts";
import { nothing, policyStored } from "../policy.ts";
import type { HiddenState, Known, PolicyDirectory } from "../policy-directory.ts";
import { hide } from "./lua/hide.ts";
import { policiesOf } from "./lua/policies-of.ts";
import { show } from "./lua/show.ts";

/** Users in one call of a script: well below the limit of Lua's stack. */
const callMaxUsers = 1_000;

interface Question {
  readonly userIds: Set<string>;
  readonly answer: Promise<ReadonlyMap<string, Known>>;
}

/** Policies of the directory in Redis. */
export class RedisPolicyDirectory implements PolicyDirectory {
  readonly #server: DirectoryServer;
  /** What is asked at this moment; undefined: nothing yet. */
  #question: Question | undefined;

  constructor(server: DirectoryServer) {
    this.#server = server;
  }

  /** What is asked at once is one question: sockets that open together ask each for itself. */
  policiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    this.#question ??= this.#ask();
    for (const userId of userIds) this.#question.userIds.add(userId);
    return this.#question.answer;
  }

  #ask(): Question {
    const userIds = new Set<string>();
    const answer = Promise.resolve().then(() => {
      this.#question = undefined;
      return this.#read([...userIds]);
    });
    return { userIds, answer };
  }

  #read(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    return this.#server.measure("policies-of", async () => {
      const pages = Array.from({ length: Math.ceil(userIds.length / callMaxUsers) }, (_, index) =>
        userIds.slice(index * callMaxUsers, (index + 1) * callMaxUsers),
      );
      const known = await Promise.all(pages.map((page) => this.#pageOf(page)));
      return new Map(known.flat());
    });
  }

  hide(userId: string, state: HiddenState): Promise<HiddenState | undefined> {
    return this.#server.measure("hide", async () => {
      const { mark, policies, hidden } = this.#server.keys;
      const args = { generation: this.#server.currentGeneration, user: userId, state: textOf(state) };
      const stored = await this.#server.run(hide, { mark, policies, hidden }, args);
      this.#server.clock.set(stored.nowUs);
      return stored.state === "" ? undefined : this.#stateIn(stored.state);
    });
  }

  show(userId: string, sinceMs: number): Promise<void> {
    return this.#server.measure("show", async () => {
      const { mark, policies, hidden } = this.#server.keys;
      const args = { generation: this.#server.currentGeneration, user: userId, since: sinceMs };
      await this.#server.run(show, { mark, policies, hidden }, args);
    });
  }

  nowUs(): number {
    return this.#server.clock.nowUs();
  }

  async #pageOf(userIds: readonly string[]): Promise<[string, Known][]> {
    const { mark, policies, hidden } = this.#server.keys;
    const args = { generation: this.#server.currentGeneration, users: JSON.stringify(userIds) };
    const read = await this.#server.run(policiesOf, { mark, policies, hidden }, args);
    this.#server.clock.set(read.nowUs);
    if (!read.arePoliciesReadable) this.#server.unreadable.add([policies]);
    if (!read.areStatesReadable) this.#server.unreadable.add([hidden]);
    return userIds.map((userId, index) => {
      const { policy, state } = read.users[index] ?? {};
      const known = read.arePoliciesReadable ? this.#policyIn(policy) : { policy: nothing, sinceMs: 0 };
      const stored = state && this.#stateIn(state);
      return [userId, { ...known, hidden: read.areStatesReadable ? stored || undefined : unreadableState }];
    });
  }

  #policyIn(stored: string | undefined): Pick<Known, "policy" | "sinceMs"> {
    if (stored === undefined) return { policy: policyStored(""), sinceMs: 0 };
    const [, stamp, policy = ""] = /^(\d+) (.*)$/.exec(stored) ?? [];
    if (stamp === undefined) this.#server.unreadable.add([this.#server.keys.policies]);
    return stamp === undefined
      ? { policy: nothing, sinceMs: 0 }
      : { policy: policyStored(policy), sinceMs: Math.floor(Number(stamp) / 1_000) };
  }

  #stateIn(stored: string): HiddenState {
    try {
      return stateIn(stored);
    } catch {
      this.#server.unreadable.add([this.#server.keys.hidden]);
      return unreadableState;
    }
  }
}

/** Shard and sinceMs stand in front, where scripts can read them. */
function textOf({ shard, sinceMs, ...rest }: HiddenState): string {
  return `${shard} ${sinceMs} ${JSON.stringify(rest)}`;
}

/** @throws SyntaxError */
function stateIn(text: string): HiddenState {
  const [, shard, sinceMs, rest] = /^(\d+) (\d+) (\{.*\})$/.exec(text) ?? [];
  if (rest === undefined) throw new SyntaxError("no hidden state");
  return {
    ...(JSON.parse(rest) as Omit<HiddenState, "shard" | "sinceMs">),
    shard: Number(shard),
    sinceMs: Number(sinceMs),
  };
}
