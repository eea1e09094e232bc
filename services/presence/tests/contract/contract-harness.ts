import assert from "node:assert/strict";
import { after, before } from "node:test";
import type { presence } from "@realchat/presence-proto";
import { connectPresence, type PresenceClient } from "../../testing/presence-client.ts";

/**
 * Starts nodes that share one state.
 * @param env settings beside those that say where the state is
 * @returns gRPC addresses, at least one, and how to end all that was started
 */
export type StartNodes = (
  env: Readonly<Record<string, string>>,
) => Promise<{ addresses: string[]; stop(): Promise<void> }>;

/** Presence as callers see it. Successive calls go to the nodes in turn: every node gives the same answer. */
export class ContractHarness {
  #clients: PresenceClient[] = [];
  #turn = 0;
  #names = 0;

  /** Starts the nodes before the tests of the enclosing suite, and stops them after it. */
  static start(start: StartNodes, env: Readonly<Record<string, string>> = {}): ContractHarness {
    const harness = new ContractHarness();
    let stop = async () => {};
    before(async () => {
      const nodes = await start(env);
      stop = nodes.stop;
      harness.#clients = nodes.addresses.map((address) => connectPresence(address));
    });
    after(async () => {
      for (const client of harness.#clients) client.close();
      await stop();
    });
    return harness;
  }

  get client(): PresenceClient {
    const client = this.#clients[this.#turn++ % this.#clients.length];
    assert(client !== undefined, "the nodes run during the tests");
    return client;
  }

  get api(): PresenceClient["api"] {
    return this.client.api;
  }

  /** A user id that no other test has. */
  user(name = "anna"): string {
    return `${name}-${++this.#names}`;
  }

  /** Registers; what is not named is the phone on gateway-1. */
  register(
    request: Partial<presence.RegisterSessionRequest> & { userId: string },
  ): Promise<presence.RegisterSessionResponse> {
    return this.api.registerSession({ deviceId: "phone", instanceId: "gateway-1", ...request });
  }

  async presenceOf(userId: string): Promise<presence.UserPresence> {
    const { presences } = await this.api.getPresence({ userIds: [userId] });
    const [only] = presences;
    assert(only !== undefined && presences.length === 1, "one answer for one id");
    return only;
  }

  async isOnline(userId: string): Promise<boolean> {
    return (await this.presenceOf(userId)).online;
  }
}
