import { isToldApart, PresenceClientError, type StatusKeeper, type UserStatus } from "@realchat/presence-client";
import { type Clock, type Rate, TokenBucket } from "@realchat/presence-runtime";
import type { FeedListener, PresenceUpdate } from "../feed/feed.ts";
import type { LookupRequest } from "../push/lookup-request.ts";
import { Lookups } from "../push/lookups.ts";
import type { PresenceLookup } from "../push/presence-lookup.ts";
import type { Self, SelfMessage, SelfSink, Selves, SelvesMetrics, StatusMessage } from "./self.ts";

interface UserSelvesOptions {
  readonly statuses: Pick<StatusKeeper, "setStatus" | "clearStatus" | "heard">;
  readonly lookup: PresenceLookup;
  readonly clock: Clock;
  /** Users in one look-up. */
  readonly lookupMax: number;
  /** Users who may have sockets here. */
  readonly usersMax: number;
}

/** Statuses that a user may set by one gateway; presence has the same limit over all of them. */
const statusRate: Rate = { burst: 10, perSecond: 10 / 60 };

/** What presence knows of the users who have sockets here, each told to all of the user's sockets. */
export class UserSelves implements Selves, FeedListener {
  readonly #options: UserSelvesOptions;
  readonly #lookups: Lookups;
  readonly #users = new Map<string, OwnUser>();
  readonly #refusals: Record<SelfMessage, number> = { activity: 0, status: 0 };
  #told = 0;

  constructor(options: UserSelvesOptions) {
    this.#options = options;
    const { clock, lookupMax: batchMax } = options;
    this.#lookups = new Lookups({ lookUp: (userIds) => this.#lookUp(userIds), clock, batchMax });
  }

  get metrics(): SelvesMetrics {
    const { usersMax: limit } = this.#options;
    return {
      told: this.#told,
      refusals: this.#refusals,
      bounds: {
        selves: { used: this.#users.size, limit },
        selfLookups: { used: this.#lookups.metrics.waiting, limit },
      },
    };
  }

  connect(userId: string, sink: SelfSink): Self {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = new OwnUser(userId);
      this.#users.set(userId, user);
    }
    user.sockets++;
    if (sink.takesSelf) this.#follow(user, sink);
    return new SocketSelf(this, user, sink);
  }

  close(): void {
    this.#lookups.close();
  }

  update(update: PresenceUpdate): void {
    this.#options.statuses.heard(update);
    const user = this.#users.get(update.userId);
    if (user !== undefined) this.#apply(user, update);
  }

  gap(): void {
    this.#lookups.request(this.#users.keys());
  }

  reset(): void {
    this.gap();
  }

  /** In the order in which they were said, also when answers overtake each other. */
  say(user: OwnUser, sink: SelfSink, message: StatusMessage): void {
    const nowMs = this.#options.clock.monotonicMs();
    user.budget ??= new TokenBucket(statusRate, nowMs);
    if (user.budget.take(nowMs))
      user.said = (user.said ?? Promise.resolve()).then(() => this.#setStatus(user, sink, message));
    else this.refuse(sink, "status", `${statusRate.burst} a minute are the limit: try again later`);
  }

  refuse(sink: SelfSink, what: SelfMessage, why: string): void {
    this.#refusals[what]++;
    sink.tellRefused(what, why);
  }

  leave(user: OwnUser, sink: SelfSink): void {
    user.sinks = user.sinks.filter((other) => other !== sink);
    user.sockets--;
    if (user.sockets > 0) return;
    user.lookup?.cancel();
    if (this.#users.get(user.userId) === user) this.#users.delete(user.userId);
  }

  #follow(user: OwnUser, sink: SelfSink): void {
    user.sinks.push(sink);
    user.lookup ??= this.#lookups.request([user.userId]);
    if (user.status !== undefined) this.#tell(user.status, [sink]);
  }

  async #setStatus(user: OwnUser, sink: SelfSink, { claim, ageMs }: StatusMessage): Promise<void> {
    const { statuses, clock } = this.#options;
    const setAtMs = ageMs === undefined ? undefined : Math.floor(clock.nowUs() / 1_000 - ageMs);
    try {
      const { status, version } =
        claim === undefined
          ? await statuses.clearStatus(user.userId, { setAtMs })
          : await statuses.setStatus(user.userId, { ...claim, expiresAtMs: claim.untilMs, setAtMs });
      const online = status.availability !== undefined;
      // The answer, though nothing has changed.
      if (!this.#apply(user, { online, version, status })) this.#tell(user.status ?? status, [sink]);
    } catch (error) {
      this.refuse(sink, "status", whyNot(error));
    }
  }

  async #lookUp(userIds: readonly string[]): Promise<void> {
    const { dots } = await this.#options.lookup(userIds);
    for (const dot of dots) {
      const user = this.#users.get(dot.userId);
      if (user !== undefined) this.#apply(user, dot);
    }
  }

  /**
   * Who is offline to presence has a socket here that is not registered yet, or not any more: nothing is told of that.
   * @returns whether the user was told
   */
  #apply(user: OwnUser, { online, version, status }: Pick<PresenceUpdate, "online" | "version" | "status">): boolean {
    if (version < user.version) return false;
    user.version = version;
    if (!online) return false;
    const { status: before } = user;
    user.status = status;
    if (before !== undefined && !isToldApart(before, status) && before.idleSinceMs === status.idleSinceMs) return false;
    this.#tell(status, user.sinks);
    return true;
  }

  #tell(status: UserStatus, sinks: readonly SelfSink[]): void {
    this.#told += sinks.length;
    for (const sink of sinks) sink.tellSelf(status);
  }
}

/** A user who has sockets here. */
class OwnUser {
  readonly userId: string;
  sockets = 0;
  /** Those of the sockets that are told. */
  sinks: SelfSink[] = [];
  version = 0;
  /** As it was told; undefined: it was not yet. */
  status: UserStatus | undefined;
  lookup: LookupRequest | undefined;
  /** undefined: as it is at first, full. */
  budget: TokenBucket | undefined;
  /** Resolves when all that was said so far was answered; never rejects. */
  said: Promise<void> | undefined;

  constructor(userId: string) {
    this.userId = userId;
  }
}

class SocketSelf implements Self {
  readonly #selves: UserSelves;
  readonly #user: OwnUser;
  readonly #sink: SelfSink;

  constructor(selves: UserSelves, user: OwnUser, sink: SelfSink) {
    this.#selves = selves;
    this.#user = user;
    this.#sink = sink;
  }

  say(message: StatusMessage): void {
    this.#selves.say(this.#user, this.#sink, message);
  }

  refuse(what: SelfMessage, why: string): void {
    this.#selves.refuse(this.#sink, what, why);
  }

  close(): void {
    this.#selves.leave(this.#user, this.#sink);
  }
}

/** For people, in the words of the protocol; without what nobody outside is to know, such as addresses of nodes. */
function whyNot(error: unknown): string {
  const code = error instanceof PresenceClientError ? error.code : "UNKNOWN";
  if (error instanceof PresenceClientError && (code === "INVALID_ARGUMENT" || code === "RESOURCE_EXHAUSTED")) {
    return error.message.replaceAll("claim.expires_at", "until").replaceAll("claim.", "");
  }
  return code === "UNIMPLEMENTED" ? "statuses are not known here yet" : "it cannot be stored now: try again later";
}
