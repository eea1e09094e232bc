import assert from "node:assert/strict";
import type { Rules } from "../../domain/rules.ts";
import type { DisconnectReason } from "../../domain/transition.ts";
import type { PresenceStore, RegisterResult } from "../../store/store.ts";
import { type Round, SignsOfLife, type Verdict } from "./device.ts";
import { callSome, type Nodes, refresh } from "./nodes.ts";
import type { Random } from "./random.ts";

/** A connection whose registration was answered. */
interface Socket {
  readonly connectionId: string;
  readonly sessionId: string;
  readonly order: number;
}

/** How the sockets that have the device behave. */
type HolderStrategy = "fight" | "steady";

const reasons: readonly DisconnectReason[] = ["UNSPECIFIED", "LOGGED_OUT", "CONNECTION_LOST", "SERVER_DRAIN"];

/** A device whose gateways send tokens. They open and close sockets, and do not know of each other. */
export class TokenDevice {
  readonly deviceId: string;
  readonly #userId: string;
  readonly #strategy: HolderStrategy;
  readonly #life: SignsOfLife;
  readonly #sockets = new Map<string, Socket>();
  #connections = 0;
  /** Highest order that was answered before this round: sockets below it were replaced. */
  #fenceOrder = 0;
  #signs = { proven: false, possible: false, disturbed: false };
  /** Versions that registrations answered, to be compared with the log. */
  versions: number[] = [];

  constructor(userId: string, deviceId: string, manner: HolderStrategy, rules: Rules) {
    this.#userId = userId;
    this.deviceId = deviceId;
    this.#strategy = manner;
    this.#life = new SignsOfLife(rules.ttlMs);
  }

  /** A round without calls. */
  rest(): void {
    this.#signs = { proven: false, possible: false, disturbed: false };
    this.versions = [];
    this.#fenceOrder = this.#top()?.order ?? 0;
  }

  /** Starts this round's calls. */
  begin(nodes: Nodes, random: Random): Promise<void>[] {
    this.rest();
    const top = this.#top();
    if (this.#strategy === "steady" || top === undefined) {
      if (top === undefined) return [this.#open(nodes, random)];
      return [this.#refresh(nodes, random, top), ...(random.chance(0.3) ? [this.#refresh(nodes, random, top)] : [])];
    }
    return Array.from({ length: random.below(4) }, () => {
      const socket = random.chance(0.5) ? top : random.pick([...this.#sockets.values()]);
      const action = random.pick(["open", "refresh", "refresh", "close", "reopen", "intrude"] as const);
      if (action === "open") return this.#open(nodes, random);
      if (action === "refresh") return this.#refresh(nodes, random, socket);
      if (action === "close") return this.#close(nodes, random, socket);
      if (action === "reopen") return this.#reopen(nodes, random, socket);
      return this.#registerAsLegacy(nodes, random);
    });
  }

  end(round: Round): Verdict {
    return this.#life.judge(round, this.#signs);
  }

  /** The socket that has the device, if any. */
  get holder(): string | undefined {
    return this.#top()?.connectionId;
  }

  #top(): Socket | undefined {
    let top: Socket | undefined;
    for (const socket of this.#sockets.values()) if (socket.order > (top?.order ?? 0)) top = socket;
    return top;
  }

  #isFenced({ order }: Socket): boolean {
    return order < this.#fenceOrder;
  }

  /** Registers a new socket; sometimes twice at once, as a gateway that got no answer to the first call. */
  async #open(nodes: Nodes, random: Random): Promise<void> {
    const connectionId = `socket-${++this.#connections}`;
    this.#signs.possible = true;
    const call = () => callSome(nodes, random, (node) => this.#register(node, connectionId, ""));
    const results = await Promise.all(random.chance(0.3) ? [call(), call()] : [call()]);
    const sessionIds = new Set<string>();
    for (const result of results) {
      if (result.kind === "superseded") continue;
      assert(result.kind === "registered" || result.kind === "repeated", `a new connection: ${result.kind}`);
      sessionIds.add(result.sessionId);
      this.#acknowledge(connectionId, result);
    }
    assert(sessionIds.size <= 1, `P7: one connection got two sessions: ${[...sessionIds]}`);
  }

  /** Registers a socket again, as a gateway does when its session is missing. */
  async #reopen(nodes: Nodes, random: Random, socket: Socket): Promise<void> {
    const isFenced = this.#isFenced(socket);
    if (!isFenced) this.#signs.possible = true;
    const { connectionId, sessionId } = socket;
    const result = await callSome(nodes, random, (node) => this.#register(node, connectionId, sessionId));
    if (result.kind !== "registered" && result.kind !== "repeated") return;
    assert(!isFenced, `P7: ${sessionId}, which was replaced, replaced its successor`);
    assert.equal(result.sessionId, sessionId, "a session that comes back keeps its place");
    this.#acknowledge(connectionId, result);
  }

  async #refresh(nodes: Nodes, random: Random, socket: Socket): Promise<void> {
    const isFenced = this.#isFenced(socket);
    if (!isFenced) this.#signs.possible = true;
    const ref = { userId: this.#userId, deviceId: this.deviceId, sessionId: socket.sessionId };
    const result = await callSome(nodes, random, (node) => refresh(node, ref));
    if (result !== "refreshed") return;
    assert(!isFenced, `P7: ${socket.sessionId}, which was replaced, was refreshed`);
    this.#signs.proven = true;
  }

  async #close(nodes: Nodes, random: Random, socket: Socket): Promise<void> {
    const isFenced = this.#isFenced(socket);
    if (!isFenced) this.#signs.disturbed = true;
    const { sessionId } = socket;
    const ending = { userId: this.#userId, deviceId: this.deviceId, sessionId, reason: random.pick(reasons) };
    const { kind } = await callSome(nodes, random, (node) => node.unregister(ending));
    if (isFenced) assert(kind === "fenced" || kind === "absent", `P7: ${sessionId}, which was replaced, ${kind}`);
  }

  /** As a gateway that knows only the existing contract and takes the device for its own. */
  async #registerAsLegacy(nodes: Nodes, random: Random): Promise<void> {
    const ref = { userId: this.#userId, deviceId: this.deviceId, sessionId: "" };
    const result = await callSome(nodes, random, (node) => refresh(node, ref));
    assert.notEqual(result, "refreshed", "P7: a call without session_id refreshed a session with connection_id");
    const { kind } = await callSome(nodes, random, (node) => node.unregister({ ...ref, reason: "UNSPECIFIED" }));
    assert(
      kind === "fenced" || kind === "absent",
      `P7: a call without session_id: a session with connection_id ${kind}`,
    );
  }

  #register(node: PresenceStore, connectionId: string, previousSessionId: string): Promise<RegisterResult> {
    return node.register({
      userId: this.#userId,
      deviceId: this.deviceId,
      instanceId: connectionId,
      connectionId,
      previousSessionId,
    });
  }

  #acknowledge(connectionId: string, { sessionId, version }: { sessionId: string; version: number }): void {
    this.#sockets.set(connectionId, { connectionId, sessionId, order: Number.parseInt(sessionId, 10) });
    this.#signs.proven = true;
    this.versions.push(version);
  }
}
