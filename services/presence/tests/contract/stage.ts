import assert from "node:assert/strict";
import { after, before } from "node:test";
import type { presence } from "@realchat/presence-proto";
import { connectPresence, type PresenceClient } from "../presence-client.ts";

/**
 * Starts nodes that share one state.
 * @param env settings beside those that say where the state is
 * @returns gRPC addresses, at least one, and how to end all that was started
 */
export type StartNodes = (
  env: Readonly<Record<string, string>>,
) => Promise<{ addresses: string[]; stop(): Promise<void> }>;

/** What callers see of presence. Successive calls go to the nodes in turn: whichever answers, the answer is the same. */
export class Stage {
  #clients: PresenceClient[] = [];
  #turn = 0;
  #names = 0;

  /** Opens the stage before the tests of the enclosing suite, and closes it after them. */
  static set(start: StartNodes, env: Readonly<Record<string, string>> = {}): Stage {
    const stage = new Stage();
    let stop = async () => {};
    before(async () => {
      const nodes = await start(env);
      stop = nodes.stop;
      stage.#clients = nodes.addresses.map((address) => connectPresence(address));
    });
    after(async () => {
      for (const client of stage.#clients) client.close();
      await stop();
    });
    return stage;
  }

  get client(): PresenceClient {
    const client = this.#clients[this.#turn++ % this.#clients.length];
    assert(client !== undefined, "the stage is open while tests run");
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
