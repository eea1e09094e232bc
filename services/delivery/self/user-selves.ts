import {
  isToldApart,
  PresenceClientError,
  plainStatus,
  type StatusKeeper,
  type UserStatus,
} from "@realchat/presence-client";
import { type Cancel, type Clock, type Rate, TokenBucket } from "@realchat/presence-runtime";
import type { FeedListener, PresenceUpdate } from "../feed/feed.ts";
import type { Policies, PolicyListener } from "../privacy/policies.ts";
import { everything, type Policy, policyPatch, serialise } from "../privacy/policy.ts";
import { PrivacyError } from "../privacy/privacy-error.ts";
import type { LookupRequest } from "../push/lookup-request.ts";
import { Lookups } from "../push/lookups.ts";
import type { PresenceLookup } from "../push/presence-lookup.ts";
import type {
  PrivacyMessage,
  Self,
  SelfMessage,
  SelfSink,
  SelfView,
  Selves,
  SelvesMetrics,
  StatusMessage,
} from "./self.ts";

interface UserSelvesOptions {
  readonly statuses: Pick<StatusKeeper, "setStatus" | "clearStatus" | "heard">;
  readonly lookup: PresenceLookup;
  readonly policies: Pick<Policies, "rules" | "policiesOf" | "change">;
  readonly clock: Clock;
  /** Users in one look-up. */
  readonly lookupMax: number;
  /** Users who may have sockets here. */
  readonly usersMax: number;
}

/** Of most users at most times. */
const plain: SelfView = Object.freeze({ status: plainStatus(true), policy: everything });

/** Changes of status and policy that a user may make by one gateway; of statuses presence has that limit over all of them. */
const changeRate: Rate = { burst: 10, perSecond: 10 / 60 };
/**
 * Who was away is told by the feed when presence has the session. Of whom nothing is heard for so long after connecting, up to
 * twice as long, ms, presence is asked: the user was there before, by another device, or a moment ago.
 */
const hearingMs = 50;

/** What is known of the users who have sockets here, each told to all of the user's sockets. */
export class UserSelves implements Selves, FeedListener, PolicyListener {
  readonly #options: UserSelvesOptions;
  readonly #policyReads: Lookups;
  readonly #lookups: Lookups;
  readonly #users = new Map<string, OwnUser>();
  /** Of whom nothing is heard yet: who connected since the last look, and before it. */
  #connected = new Set<OwnUser>();
  #unheard = new Set<OwnUser>();
  #cancelLook: Cancel | undefined;
  readonly #refusals: Record<SelfMessage, number> = { activity: 0, status: 0, privacy: 0 };
  #told = 0;

  constructor(options: UserSelvesOptions) {
    this.#options = options;
    const { clock, lookupMax: batchMax } = options;
    this.#policyReads = new Lookups({ lookUp: (userIds) => this.#readPolicies(userIds), clock, batchMax });
    this.#lookups = new Lookups({ lookUp: (userIds) => this.#lookUp(userIds), clock, batchMax });
  }

  get metrics(): SelvesMetrics {
    const { usersMax: limit } = this.#options;
    return {
      told: this.#told,
      refusals: this.#refusals,
      bounds: {
        selves: { used: this.#users.size, limit },
        selfPolicies: { used: this.#policyReads.metrics.waiting, limit },
        selfLookups: { used: this.#connected.size + this.#unheard.size + this.#lookups.metrics.waiting, limit },
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
    this.#cancelLook?.();
    this.#policyReads.close();
    this.#lookups.close();
  }

  update(update: PresenceUpdate): void {
    this.#options.statuses.heard(update);
    const user = this.#users.get(update.userId);
    if (user === undefined) return;
    this.#hear(user, update);
    if (update.online) this.#heard(user);
    this.#tellNews(user);
  }

  gap(): void {
    this.#lookups.request(this.#users.keys());
  }

  reset(): void {
    this.gap();
  }

  policiesChanged(userIds: readonly string[]): void {
    const own = userIds.filter((userId) => this.#users.has(userId));
    if (own.length > 0) this.#policyReads.request(own);
  }

  recheckPolicies(): void {
    this.#policyReads.request(this.#users.keys());
  }

  /** In the order in which they were said, also when answers overtake each other. */
  say(user: OwnUser, sink: SelfSink, message: StatusMessage | PrivacyMessage): void {
    const nowMs = this.#options.clock.monotonicMs();
    user.budget ??= new TokenBucket(changeRate, nowMs);
    if (user.budget.take(nowMs))
      user.said = (user.said ?? Promise.resolve()).then(() => this.#carryOut(user, sink, message));
    else this.refuse(sink, message.kind, `${changeRate.burst} a minute are the limit: try again later`);
  }

  refuse(sink: SelfSink, what: SelfMessage, why: string): void {
    this.#refusals[what]++;
    sink.tellRefused(what, why);
  }

  leave(user: OwnUser, sink: SelfSink): void {
    user.sinks = user.sinks.filter((other) => other !== sink);
    user.sockets--;
    if (user.sockets > 0) return;
    user.policyRead?.cancel();
    user.lookup?.cancel();
    this.#heard(user);
    if (this.#users.get(user.userId) === user) this.#users.delete(user.userId);
  }

  #follow(user: OwnUser, sink: SelfSink): void {
    // Hardly ever more than one: an array without room for more.
    user.sinks = user.sinks.concat(sink);
    if (user.policy === undefined) user.policyRead ??= this.#policyReads.request([user.userId]);
    if (user.told !== undefined) this.#tell(user.told, [sink]);
    else if (user.status === undefined && user.lookup === undefined) this.#listenFor(user);
  }

  #listenFor(user: OwnUser): void {
    if (!this.#unheard.has(user)) this.#connected.add(user);
    this.#cancelLook ??= this.#options.clock.after(hearingMs, () => this.#look());
  }

  #heard(user: OwnUser): void {
    this.#connected.delete(user);
    this.#unheard.delete(user);
  }

  #look(): void {
    for (const user of this.#unheard) user.lookup = this.#lookups.request([user.userId]);
    this.#unheard = this.#connected;
    this.#connected = new Set();
    const isOver = this.#unheard.size === 0;
    this.#cancelLook = isOver ? undefined : this.#options.clock.after(hearingMs, () => this.#look());
  }

  /** The answer comes though nothing has changed. */
  async #carryOut(user: OwnUser, sink: SelfSink, message: StatusMessage | PrivacyMessage): Promise<void> {
    try {
      const view = await (message.kind === "status" ? this.#setStatus(user, message) : this.#setPolicy(user, message));
      if (!this.#tellNews(user)) this.#tell(user.told ?? view, [sink]);
    } catch (error) {
      this.refuse(sink, message.kind, whyNot(error));
    }
  }

  async #setStatus(user: OwnUser, { claim, ageMs }: StatusMessage): Promise<SelfView> {
    const { statuses, clock } = this.#options;
    const setAtMs = ageMs === undefined ? undefined : Math.floor(clock.nowUs() / 1_000 - ageMs);
    const { status, version } =
      claim === undefined
        ? await statuses.clearStatus(user.userId, { setAtMs })
        : await statuses.setStatus(user.userId, { ...claim, expiresAtMs: claim.untilMs, setAtMs });
    this.#hear(user, { online: status.availability !== undefined, version, status });
    return { status, policy: user.policy };
  }

  async #setPolicy(user: OwnUser, { content }: PrivacyMessage): Promise<SelfView> {
    const { policies } = this.#options;
    const patch = policyPatch(content);
    if (patch.invisible === true && !policies.rules.mayBeInvisible) {
      throw new PrivacyError("INVALID", "invisible is not allowed in your organisation");
    }
    user.policy = await policies.change(user.userId, patch);
    return { status: user.status ?? plainStatus(true), policy: user.policy };
  }

  async #lookUp(userIds: readonly string[]): Promise<void> {
    const { dots } = await this.#options.lookup(userIds);
    for (const dot of dots) {
      const user = this.#users.get(dot.userId);
      if (user === undefined) continue;
      user.lookup = undefined;
      this.#hear(user, dot);
      this.#tellNews(user);
    }
  }

  async #readPolicies(userIds: readonly string[]): Promise<void> {
    const known = await this.#options.policies.policiesOf(userIds);
    for (const userId of userIds) {
      const user = this.#users.get(userId);
      if (user === undefined) continue;
      user.policyRead = undefined;
      user.policy = known.get(userId)?.policy;
      this.#tellNews(user);
    }
  }

  /** Who is offline to presence has a socket here that is not registered yet, or not any more: nothing is told of that. */
  #hear(user: OwnUser, { online, version, status }: Pick<PresenceUpdate, "online" | "version" | "status">): void {
    if (version < user.version) return;
    user.version = version;
    if (online) user.status = status;
  }

  /** @returns whether there were any; none are told by halves */
  #tellNews(user: OwnUser): boolean {
    const { status, policy, told } = user;
    if (status === undefined || policy === undefined) return false;
    const view = status === plain.status && policy === plain.policy ? plain : { status, policy };
    if (told !== undefined && isSame(told, view)) return false;
    user.told = view;
    this.#tell(view, user.sinks);
    return true;
  }

  #tell(view: SelfView, sinks: readonly SelfSink[]): void {
    this.#told += sinks.length;
    for (const sink of sinks) sink.tellSelf(view);
  }
}

/** A user who has sockets here. */
class OwnUser {
  readonly userId: string;
  sockets = 0;
  /** Those of the sockets that are told. */
  sinks: readonly SelfSink[] = [];
  version = 0;
  /** undefined: presence did not have the user online yet. */
  status: UserStatus | undefined;
  policy: Policy | undefined;
  /** undefined: nothing was told yet. */
  told: SelfView | undefined;
  /** The first ones, while they are under way. */
  policyRead: LookupRequest | undefined;
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

  say(message: StatusMessage | PrivacyMessage): void {
    this.#selves.say(this.#user, this.#sink, message);
  }

  refuse(what: SelfMessage, why: string): void {
    this.#selves.refuse(this.#sink, what, why);
  }

  close(): void {
    this.#selves.leave(this.#user, this.#sink);
  }
}

function isSame(one: SelfView, other: SelfView): boolean {
  if (one === other) return true;
  if (isToldApart(one.status, other.status) || one.status.idleSinceMs !== other.status.idleSinceMs) return false;
  return one.policy === other.policy || textOf(one.policy) === textOf(other.policy);
}

function textOf(policy: Policy | undefined): string {
  return policy === undefined ? "" : serialise(policy);
}

/** For people, in the words of the protocol; without what nobody outside is to know, such as addresses of nodes. */
function whyNot(error: unknown): string {
  if (error instanceof PrivacyError && error.code === "INVALID") return error.message;
  const code = error instanceof PresenceClientError ? error.code : "UNKNOWN";
  if (error instanceof PresenceClientError && (code === "INVALID_ARGUMENT" || code === "RESOURCE_EXHAUSTED")) {
    return error.message.replaceAll("claim.expires_at", "until").replaceAll("claim.", "");
  }
  return code === "UNIMPLEMENTED" ? "statuses are not known here yet" : "it cannot be stored now: try again later";
}
