import type { Clock } from "@realchat/presence-runtime";
import { codeBehind, describe } from "./redis-error.ts";
import type { RedisPlace } from "./redis-place.ts";
import { list, text } from "./replies.ts";
import type { RedisServer, RedisServers } from "./topology/redis-servers.ts";

/** A server that does not tell its settings is asked again after this time: its log notes each question. */
const refusedMs = 600_000;

/** What servers are set to do that makes a failure worse than it need be. */
export interface SettingRisks {
  /** One line each: the setting, what it costs, what to do. */
  readonly risks: readonly string[];
  /** Settings that matter and that no server tells, and why. */
  readonly unknown: string | undefined;
}

/** Settings of a server that go together, and what is wrong with them. */
interface SettingRule {
  readonly settings: readonly string[];
  /** @returns undefined: they are as they should be */
  riskOf(values: ReadonlyMap<string, string>): string | undefined;
}

const coverage: SettingRule = {
  settings: ["cluster-require-full-coverage"],
  riskOf: (values) =>
    values.get("cluster-require-full-coverage") === "yes"
      ? "cluster-require-full-coverage is yes: the loss of one shard is the loss of all; set it to no on every node"
      : undefined,
};

/**
 * Looks after settings of the servers that may be changed while all runs. Nothing is refused because of them: what they
 * cost shows when something else fails.
 */
export class SettingsWatch {
  readonly #rules: readonly SettingRule[];
  readonly #onFound: (risk: string) => void;
  readonly #clock: Clock;
  /** What was found, by the name of the server. */
  readonly #risks = new Map<string, readonly string[]>();
  /** Why a server does not tell, by its name, and when it is asked again. */
  readonly #refusals = new Map<string, { why: string; untilMs: number }>();
  #isLooking = false;

  /** @param onFound hears of a risk, whenever one is found that was on no server before */
  constructor({ cluster }: RedisPlace, onFound: (risk: string) => void, clock: Clock) {
    this.#rules = cluster ? [coverage] : [];
    this.#onFound = onFound;
    this.#clock = clock;
  }

  get found(): SettingRisks {
    const [refusal] = this.#refusals.values();
    const names = this.#rules.flatMap(({ settings }) => settings).join(", ");
    return {
      risks: [...new Set([...this.#risks.values()].flat())],
      unknown: refusal && `${names} cannot be read: ${refusal.why}`,
    };
  }

  /** To be called every second. */
  async look({ servers }: RedisServers): Promise<void> {
    if (this.#isLooking || this.#rules.length === 0) return;
    this.#isLooking = true;
    const names = new Set(servers.map(({ name }) => name));
    for (const known of [this.#risks, this.#refusals])
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    await Promise.all(servers.filter(({ link }) => link.isReady).map((server) => this.#lookAt(server)));
    this.#isLooking = false;
  }

  async #lookAt({ name, link }: RedisServer): Promise<void> {
    if ((this.#refusals.get(name)?.untilMs ?? 0) > this.#clock.monotonicMs()) return;
    try {
      const settings = this.#rules.flatMap((rule) => rule.settings);
      this.#note(name, pairsIn(list(await link.send(["CONFIG", "GET", ...settings])).map(text)));
      this.#refusals.delete(name);
    } catch (error) {
      // NOPERM, or a command that was taken away. No reply is the connection's to tell.
      if (codeBehind(error) === "") return;
      const why = codeBehind(error) === "NOPERM" ? "permit +config|get to this user" : describe(error);
      this.#refusals.set(name, { why, untilMs: this.#clock.monotonicMs() + refusedMs });
      this.#risks.delete(name);
    }
  }

  #note(server: string, values: ReadonlyMap<string, string>): void {
    const risks = this.#rules.map((rule) => rule.riskOf(values)).filter((risk) => risk !== undefined);
    const before = this.found.risks;
    this.#risks.set(server, risks);
    for (const risk of risks) if (!before.includes(risk)) this.#onFound(`Redis' ${risk}`);
  }
}

function pairsIn(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
}
