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
  /**
   * @param downAfterMs see RedisLocator
   * @returns undefined: they are as they should be
   */
  riskOf(values: ReadonlyMap<string, string>, downAfterMs: number | undefined): string | undefined;
}

const coverage: SettingRule = {
  settings: ["cluster-require-full-coverage"],
  riskOf: (values) =>
    values.get("cluster-require-full-coverage") === "yes"
      ? "cluster-require-full-coverage is yes: the loss of one shard is the loss of all; set it to no on every node"
      : undefined,
};

/**
 * Whether a master that is cut off stops by the time that Sentinels promote another one. Nodes that were cut off with it
 * go on using it until then.
 */
const fencing: SettingRule = {
  settings: ["min-replicas-to-write", "min-replicas-max-lag"],
  riskOf(values, downAfterMs) {
    if (downAfterMs === undefined) return undefined;
    const [needed, lagS] = this.settings.map((name) => Number(values.get(name)));
    const lagMaxS = Math.max(1, Math.floor(downAfterMs / 1_000));
    // A lag of 0 means that none is too long.
    if (Number(needed) >= 1 && Number(lagS) >= 1 && Number(lagS) <= lagMaxS) return undefined;
    return (
      `min-replicas-to-write is ${needed} and min-replicas-max-lag ${lagS}: a master that is cut off goes on taking ` +
      `writes that are lost, after Sentinels promoted another one; set them to 1 or more, and to ${lagMaxS} or less`
    );
  },
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
  constructor({ cluster, sentinel }: RedisPlace, onFound: (risk: string) => void, clock: Clock) {
    this.#rules = [...(cluster ? [coverage] : []), ...(sentinel === undefined ? [] : [fencing])];
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
  async look({ servers, downAfterMs }: RedisServers): Promise<void> {
    if (this.#isLooking || this.#rules.length === 0) return;
    this.#isLooking = true;
    const names = new Set(servers.map(({ name }) => name));
    for (const known of [this.#risks, this.#refusals])
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    await Promise.all(servers.filter(({ link }) => link.isReady).map((server) => this.#lookAt(server, downAfterMs)));
    this.#isLooking = false;
  }

  async #lookAt({ name, link }: RedisServer, downAfterMs: number | undefined): Promise<void> {
    if ((this.#refusals.get(name)?.untilMs ?? 0) > this.#clock.monotonicMs()) return;
    try {
      const settings = this.#rules.flatMap((rule) => rule.settings);
      const values = pairsIn(list(await link.send(["CONFIG", "GET", ...settings])).map(text));
      this.#note(
        name,
        this.#rules.map((rule) => rule.riskOf(values, downAfterMs)).filter((risk) => risk !== undefined),
      );
      this.#refusals.delete(name);
    } catch (error) {
      // NOPERM, or a command that was taken away. No reply is the connection's to tell.
      if (codeBehind(error) === "") return;
      const why = codeBehind(error) === "NOPERM" ? "permit +config|get to this user" : describe(error);
      this.#refusals.set(name, { why, untilMs: this.#clock.monotonicMs() + refusedMs });
      this.#risks.delete(name);
    }
  }

  #note(server: string, risks: readonly string[]): void {
    const before = this.found.risks;
    this.#risks.set(server, risks);
    for (const risk of risks) if (!before.includes(risk)) this.#onFound(`Redis' ${risk}`);
  }
}

function pairsIn(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ""]] : [])));
}
