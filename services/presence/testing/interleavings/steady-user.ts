import assert from "node:assert/strict";
import type { Transition } from "../../domain/transition.ts";
import type { PresenceStore, UserView } from "../../store/store.ts";
import { callSome, type Nodes, refresh } from "./nodes.ts";
import type { Random } from "./random.ts";

const deviceId = "phone";

interface Socket {
  readonly connectionId: string;
  sessionId: string;
}

/**
 * A user who is there all the time, on one device: without tokens, or with two sockets of which the second registered
 * later. Both gateways do what the contract says, whatever the store loses.
 */
export class SteadyUser {
  readonly userId: string;
  /** In the order in which they registered. */
  readonly #sockets: readonly Socket[];
  #version = 0;

  constructor(userId: string, manner: "legacy" | "tokens") {
    this.userId = userId;
    const names = manner === "legacy" ? [""] : ["old", "new"];
    this.#sockets = names.map((connectionId) => ({ connectionId, sessionId: "" }));
  }

  async enter(nodes: Nodes, random: Random): Promise<void> {
    for (const socket of this.#sockets) await this.#register(socket, nodes, random);
  }

  /** Starts this round's calls. */
  begin(nodes: Nodes, random: Random): Promise<void>[] {
    const sockets = this.#sockets.length > 1 && random.chance(0.5) ? this.#sockets.slice(1) : this.#sockets;
    return sockets.map((socket) => this.#beat(socket, nodes, random));
  }

  /**
   * @param options.isBack all its gateways have been answered since the last loss
   * @param options.isRecovering by the node of that view
   */
  end(
    entries: readonly Transition[],
    views: readonly { view: UserView; isRecovering: boolean }[],
    { isBack }: { isBack: boolean },
  ): void {
    for (const { version, online } of entries) {
      assert(version > this.#version, `P3: version ${version} of ${this.userId} after ${this.#version}`);
      assert(online, `P1: ${this.userId} was taken offline`);
      this.#version = version;
    }
    for (const { view, isRecovering } of views) {
      assert(view.online || isRecovering, `P8: ${this.userId} reads offline`);
      if (!isBack) continue;
      assert(view.online, `P8: ${this.userId} is back`);
      const holder = this.#sockets.at(-1)?.connectionId;
      assert.deepEqual(
        view.devices.map(({ instanceId }) => instanceId),
        [`gateway-${holder}`],
        `P7: who registered last holds the device of ${this.userId}`,
      );
      this.#version = Math.max(this.#version, view.version);
    }
  }

  async #beat(socket: Socket, nodes: Nodes, random: Random): Promise<void> {
    const { connectionId } = socket;
    const sessionId = connectionId === "" ? "" : socket.sessionId;
    const kind = await callSome(nodes, random, (node) => refresh(node, { ...this.#ref(connectionId), sessionId }));
    if (kind === "missing") await this.#register(socket, nodes, random);
    const isLast = socket === this.#sockets.at(-1);
    assert(kind !== "superseded" || !isLast, `P7: the last of ${this.userId} was superseded`);
    assert(kind === "refreshed" || connectionId !== "", `P1: the heartbeat of ${this.userId} was ${kind}`);
  }

  async #register(socket: Socket, nodes: Nodes, random: Random): Promise<void> {
    const { connectionId, sessionId: previousSessionId } = socket;
    const call = (node: PresenceStore) =>
      node.register({ ...this.#ref(connectionId), connectionId, previousSessionId });
    const result = await callSome(nodes, random, call);
    if (result.kind === "superseded" && socket !== this.#sockets.at(-1)) return;
    assert(result.kind === "registered" || result.kind === "repeated", `${this.userId} registered: ${result.kind}`);
    assert(previousSessionId === "" || result.sessionId === previousSessionId, "a session keeps its place");
    socket.sessionId = result.sessionId;
  }

  #ref(connectionId: string) {
    return { userId: this.userId, deviceId, instanceId: `gateway-${connectionId}` };
  }
}
