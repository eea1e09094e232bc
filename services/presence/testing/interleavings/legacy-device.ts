import assert from "node:assert/strict";
import type { Rules } from "../../domain/rules.ts";
import { type Round, SignsOfLife, type Verdict } from "./device.ts";
import { callSome, type Nodes, refresh } from "./nodes.ts";
import type { Random } from "./random.ts";

/** A device whose gateways know only the existing contract: the Unregister of one may come after another's Register. */
export class LegacyDevice {
  readonly deviceId: string;
  readonly #userId: string;
  readonly #rules: Rules;
  readonly #life: SignsOfLife;
  /** Shard clock: until then its session is contested for sure. */
  #contestedUntilMs = 0;
  /** Shard clock: a session was there then, or later. */
  #existedMs = Number.NEGATIVE_INFINITY;
  #round = { registered: 0, refreshed: 0, asked: 0, unregistered: [] as string[] };
  /** Versions that registrations answered, to be compared with the log. */
  versions: number[] = [];

  constructor(userId: string, deviceId: string, rules: Rules) {
    this.#userId = userId;
    this.deviceId = deviceId;
    this.#rules = rules;
    this.#life = new SignsOfLife(rules.ttlMs);
  }

  /** A round without calls. */
  rest(): void {
    this.#round = { registered: 0, refreshed: 0, asked: 0, unregistered: [] };
    this.versions = [];
  }

  /** Starts this round's calls. */
  begin(nodes: Nodes, random: Random): Promise<void>[] {
    this.rest();
    return Array.from({ length: random.below(4) }, () => {
      const action = random.pick(["register", "heartbeat", "heartbeat", "unregister"] as const);
      if (action === "register") return this.#register(nodes, random);
      if (action === "heartbeat") return this.#heartbeat(nodes, random);
      return this.#unregister(nodes, random);
    });
  }

  end(round: Round): Verdict {
    const { registered, refreshed, asked, unregistered } = this.#round;
    const isContested = this.#contestedUntilMs > round.afterMs && this.#life.isAliveAfter(round);
    if (isContested) {
      assert(!unregistered.includes("ended"), `P1: a late Unregister ended the contested ${this.#userId}`);
    }
    const verdict = this.#life.judge(round, {
      proven: registered + refreshed > 0,
      possible: asked > 0,
      disturbed: unregistered.length > 0 && !isContested,
    });
    const followsAnother = round.afterMs - this.#existedMs < this.#rules.memoryMs;
    if (registered > 1 || (registered === 1 && followsAnother)) {
      this.#contestedUntilMs = round.beforeMs + this.#rules.memoryMs;
    }
    if (registered + refreshed > 0) this.#existedMs = round.beforeMs;
    return verdict;
  }

  get holder(): undefined {
    return undefined;
  }

  async #register(nodes: Nodes, random: Random): Promise<void> {
    this.#round.asked++;
    const instanceId = random.pick(["gateway-a", "gateway-b"]);
    const registration = { ...this.#ref, instanceId, connectionId: "", previousSessionId: "" };
    const result = await callSome(nodes, random, (node) => node.register(registration));
    assert(result.kind === "registered", `a registration without tokens was ${result.kind}`);
    this.#round.registered++;
    this.versions.push(result.version);
  }

  async #heartbeat(nodes: Nodes, random: Random): Promise<void> {
    this.#round.asked++;
    const result = await callSome(nodes, random, (node) => refresh(node, { ...this.#ref, sessionId: "" }));
    if (result === "refreshed") this.#round.refreshed++;
  }

  async #unregister(nodes: Nodes, random: Random): Promise<void> {
    const ending = { ...this.#ref, sessionId: "", reason: "UNSPECIFIED" } as const;
    const slot = this.#round.unregistered.push("asked") - 1;
    const { kind } = await callSome(nodes, random, (node) => node.unregister(ending));
    this.#round.unregistered[slot] = kind;
  }

  get #ref() {
    return { userId: this.#userId, deviceId: this.deviceId };
  }
}
