/** Gateways whose names are kept once for all their sessions. */
const instancesMax = 10_000;

interface KnownSession {
  readonly sessionId: string;
  /** Of the shard when the session was learnt (see ShardState): in another past it may be another device's. */
  readonly generation: number;
  readonly instanceId: string;
}

/**
 * What this node remembers of sessions whose callers send no session_id, so that their heartbeats are as cheap as
 * others. Forgets in two generations: what was not asked for while half of the limit was newly learnt goes. Forgetting
 * costs one slower heartbeat, nothing more.
 */
export class KnownSessions {
  readonly limit: number;
  #young = new Map<string, KnownSession>();
  #old = new Map<string, KnownSession>();
  readonly #instances = new Map<string, string>();

  /** @param limit sessions held at most */
  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(userId: string, deviceId: string): KnownSession | undefined {
    const key = `${userId}\0${deviceId}`;
    const recent = this.#young.get(key);
    if (recent !== undefined) return recent;
    const session = this.#old.get(key);
    if (session !== undefined) this.#put(key, session);
    return session;
  }

  set(userId: string, deviceId: string, { sessionId, generation, instanceId }: KnownSession): void {
    this.#put(`${userId}\0${deviceId}`, { sessionId, generation, instanceId: this.#once(instanceId) });
  }

  delete(userId: string, deviceId: string): void {
    const key = `${userId}\0${deviceId}`;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #once(instanceId: string): string {
    const known = this.#instances.get(instanceId);
    if (known !== undefined) return known;
    if (this.#instances.size >= instancesMax) this.#instances.clear();
    this.#instances.set(instanceId, instanceId);
    return instanceId;
  }

  #put(key: string, session: KnownSession): void {
    this.#old.delete(key);
    this.#young.set(key, session);
    if (this.#young.size < this.limit / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
