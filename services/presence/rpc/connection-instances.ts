import type { CallContext } from "@realchat/presence-rpc";

/**
 * The gateway at the other end of a gRPC connection, by its last RegisterSession there: callers without tokens do not
 * name it in their heartbeats.
 */
export class ConnectionInstances {
  readonly #instanceIds = new WeakMap<object, string>();

  registered({ connection }: Pick<CallContext, "connection">, instanceId: string): void {
    this.#instanceIds.set(connection, instanceId);
  }

  /** @returns the heartbeat; one without session_id says which gateway sent it, if that is known */
  signed<Heartbeat extends { readonly sessionId: string }>(
    heartbeat: Heartbeat,
    { connection }: Pick<CallContext, "connection">,
  ): Heartbeat & { readonly instanceId?: string } {
    if (heartbeat.sessionId !== "") return heartbeat;
    const instanceId = this.#instanceIds.get(connection);
    return instanceId === undefined ? heartbeat : { ...heartbeat, instanceId };
  }
}
