/**
 * What this node remembers of sessions whose callers send no session_id, so that their heartbeats are as cheap as
 * others. Forgets in two generations: what was not asked for while half of the limit was newly learnt goes. Forgetting
 * costs one slower heartbeat, nothing more.
 */
export class KnownSessions {
  readonly limit: number;
  #young = new Map<string, string>();
  #old = new Map<string, string>();

  /** @param limit sessions held at most */
  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(userId: string, deviceId: string): string | undefined {
    const key = `${userId}\0${deviceId}`;
    const recent = this.#young.get(key);
    if (recent !== undefined) return recent;
    const sessionId = this.#old.get(key);
    if (sessionId !== undefined) this.#put(key, sessionId);
    return sessionId;
  }

  set(userId: string, deviceId: string, sessionId: string): void {
    this.#put(`${userId}\0${deviceId}`, sessionId);
  }

  delete(userId: string, deviceId: string): void {
    const key = `${userId}\0${deviceId}`;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #put(key: string, sessionId: string): void {
    this.#old.delete(key);
    this.#young.set(key, sessionId);
    if (this.#young.size < this.limit / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
