import { closedLoopOf } from "../load/closed-loop.ts";
import type { Identity } from "../load/identities.ts";
import type { PlainClient } from "./measured-redis.ts";

/**
 * The baseline: the layout that one would write first, and that existing services have.
 *
 *     presence:session:<user>:<device>   STRING  instance id, and connection id if there is one, with the session's TTL
 *     presence:devices:<user>            SET     the user's device ids, with the TTL of the last heartbeat
 *
 * It knows no versions, no log and no fencing, and says nothing when a TTL passes: it does less than presence does.
 */
export class KeyPerSession {
  readonly #client: PlainClient;
  readonly #ttlSeconds: number;

  /** @param ttlSeconds the same as presence's */
  constructor(client: PlainClient, ttlSeconds = 3_600) {
    this.#client = client;
    this.#ttlSeconds = ttlSeconds;
  }

  /** `MULTI SET SADD EXPIRE SCARD EXEC`, then `PUBLISH` for the user's first device. */
  async register(who: Identity): Promise<void> {
    const [, , , devices] = await this.#client
      .multi()
      .set(sessionKey(who), factsOf(who), { expiration: { type: "EX", value: this.#ttlSeconds } })
      .sAdd(devicesKey(who), who.deviceId)
      .expire(devicesKey(who), this.#ttlSeconds)
      .sCard(devicesKey(who))
      .exec();
    if (Number(devices) === 1) await this.#client.publish(channel, `${who.userId} online`);
  }

  /** `MULTI EXPIRE EXPIRE EXEC`. */
  async refresh(who: Identity): Promise<void> {
    const [session] = await this.#client
      .multi()
      .expire(sessionKey(who), this.#ttlSeconds)
      .expire(devicesKey(who), this.#ttlSeconds)
      .exec();
    if (Number(session) !== 1) throw new Error(`the session of ${who.userId} is gone`);
  }

  /** `MULTI DEL SREM SCARD EXEC`, then `PUBLISH` for the user's last device. */
  async unregister(who: Identity): Promise<void> {
    const [, , devices] = await this.#client
      .multi()
      .del(sessionKey(who))
      .sRem(devicesKey(who), who.deviceId)
      .sCard(devicesKey(who))
      .exec();
    if (Number(devices) === 0) await this.#client.publish(channel, `${who.userId} offline`);
  }

  /** `SMEMBERS` for each user, then `MGET` of the sessions, since a SET outlives its members' TTL: two round trips. */
  async onlineDevices(people: readonly Identity[]): Promise<number> {
    const devices = await Promise.all(people.map((who) => this.#client.sMembers(devicesKey(who))));
    const keys = people.flatMap(({ userId }, index) =>
      (devices[index] as string[]).map((deviceId) => sessionKey({ userId, deviceId })),
    );
    return (await this.#client.mGet(keys)).filter((instance) => instance !== null).length;
  }

  /** Registers all, many at once. */
  async load(people: readonly Identity[]): Promise<void> {
    await closedLoopOf({ count: people.length, inFlight: 256 }, (index) => this.register(people[index] as Identity));
  }
}

/** Where it publishes that users come and go. */
export const channel = "presence:updates";

function factsOf({ instanceId, connectionId }: Identity): string {
  return connectionId === "" ? instanceId : `${instanceId} ${connectionId}`;
}

function sessionKey({ userId, deviceId }: Pick<Identity, "userId" | "deviceId">): string {
  return `presence:session:${userId}:${deviceId}`;
}

function devicesKey({ userId }: Pick<Identity, "userId">): string {
  return `presence:devices:${userId}`;
}
