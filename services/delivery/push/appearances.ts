import type { Clock } from "@realchat/presence-runtime";
import type { Policies } from "../privacy/policies.ts";
import { everything, fields, type Policy } from "../privacy/policy.ts";
import type { HiddenState, Known } from "../privacy/policy-directory.ts";
import type { Dot } from "./dot.ts";
import type { DotSource } from "./dot-sources.ts";
import { asksForPairs, Guard, type PairFacts, Pairs } from "./guard.ts";
import { comingBack, forgotten, type HiddenDot, hiddenDot, hiddenStateOf, withoutText } from "./hiding.ts";
import type { InterestIndex } from "./interest-index.ts";
import { PolicyReads } from "./policy-reads.ts";
import type { PresenceLookup } from "./presence-lookup.ts";
import { differ, differAtAll, differInDevices, type ShownUser } from "./shown-user.ts";
import type { Subscriber } from "./subscriber.ts";
import { UnwatchedHiding } from "./unwatched-hiding.ts";
import type { Viewer } from "./viewer.ts";
import type { PolicyRead, WatchedUser } from "./watched-user.ts";

type User = WatchedUser<Subscriber>;

interface AppearancesOptions {
  readonly policies: Policies;
  readonly lookup: PresenceLookup;
  readonly index: InterestIndex;
  readonly clock: Clock;
  readonly nextTurn: (run: () => void) => void;
  /** The version below which nothing that was said of the user holds any more. */
  readonly floorOf: (user: User) => number;
  /** Something of what the socket waits for can be sent. */
  readonly write: (subscriber: Subscriber) => void;
  /** Looks up the devices of a user who shows itself again. */
  readonly lookUp: (userId: string) => void;
  readonly onFailure: (error: unknown) => void;
}

/** How often it is looked for texts of hidden users that are over, as presence does for others, and whether policies can be read. */
const checkEveryMs = 1_000;

/**
 * What is shown of users. A dot is shown once a policy was read that holds for it, unless it says no more than that the user
 * left; a user whose policy may have changed is not sent until it was read again.
 */
export class Appearances {
  readonly #options: AppearancesOptions;
  readonly #reads: PolicyReads<Subscriber>;
  readonly #unwatched: UnwatchedHiding;
  readonly #stopChecking: () => void;
  /** Hidden users with a text that will be over. */
  readonly #withText = new Set<User>();
  /** Hidden users of whom presence lost what it knew, while their policies were read. */
  readonly #lost = new WeakSet<User>();
  #retentionMs = 0;

  constructor(options: AppearancesOptions) {
    const { policies, clock, nextTurn, onFailure } = options;
    this.#options = options;
    this.#reads = new PolicyReads({
      ...{ policies, clock, nextTurn, onFailure },
      onRead: (user, read, known) => this.#settle(user, read, known),
    });
    this.#unwatched = new UnwatchedHiding(options);
    this.#stopChecking = clock.every(checkEveryMs, () => {
      this.#endTexts();
      const [anybody] = this.#options.index.values();
      if (anybody !== undefined) void this.#reads.probe(anybody.userId);
    });
  }

  /** While policies cannot be read, dots may not be current. */
  get source(): DotSource {
    return this.#reads;
  }

  /** Reads that are in flight, or wait, and users whose hiding is yet to be stored. */
  get reads(): number {
    return this.#reads.size + this.#unwatched.size;
  }

  close(): void {
    this.#stopChecking();
    this.#reads.close();
    this.#unwatched.close();
  }

  /** @param retentionMs how long presence keeps last seen; 0: it does not say */
  keepsLastSeen(retentionMs: number): void {
    if (retentionMs !== 0) this.#retentionMs = retentionMs;
  }

  /** The user has another dot. That it left is told at once; all else after a read of the policy, also that it came and left. */
  dotChanged(user: User, before: Dot | undefined): void {
    const { dot, told, guard } = user;
    const isNews = before === undefined || (dot !== undefined && changeOf(before, dot, differ) !== "none");
    const leaves = told?.online === true && dot?.online === false;
    // Of one who hides nothing is told in any case: it must not even take time.
    if (isNews && !leaves && !guard?.isForNobody) this.#reads.read(user);
    else if (user.read === undefined) this.#show(user, guard);
  }

  /** Presence, which does not recover, has an answer for the user. */
  isAnswered(user: User): void {
    if (user.isSure) return;
    user.isSure = true;
    if (user.dot !== undefined && user.told === undefined) this.#reads.read(user);
  }

  /** The answer is applied. What presence lost of a user who was away, nobody knows of one who hides. */
  forgetLost(user: User): void {
    const { guard } = user;
    const floor = this.#options.floorOf(user);
    if (guard?.hidden === undefined || guard.hidden.version >= floor) return;
    if (user.read === undefined) this.#show(user, guard.with({ hidden: forgotten(guard.hidden, floor) }));
    else this.#lost.add(user);
  }

  /** A shard of presence lost its data: what gateways that start later read of its hidden users is to be as it is here. */
  forgetShard(shard: number, floor: number): void {
    void this.#reads.ask(() => this.#options.policies.begin(shard, floor), always);
  }

  policiesChanged(userIds: readonly string[]): void {
    for (const userId of userIds) {
      const user = this.#options.index.get(userId);
      if (user === undefined) this.#unwatched.add(userId);
      else this.#hold(user);
    }
  }

  recheckPolicies(): void {
    for (const user of this.#options.index.values()) this.#hold(user);
  }

  /** What is known of the viewer and these users may have changed. */
  pairsChanged(viewer: Viewer<Subscriber>, userIds: readonly string[]): void {
    for (const userId of userIds) {
      const user = this.#options.index.get(userId);
      const { guard } = user ?? {};
      if (user !== undefined && guard?.pairs.of(viewer) !== undefined) void this.#askForPairs(user, guard, [viewer]);
    }
  }

  /** The viewer's policy may have changed, which counts with users who want something in return. */
  viewerChanged(viewer: Viewer<Subscriber>): void {
    for (const { watched } of viewer.subscribers) {
      const users = watched.filter(({ guard }) => guard?.policy.reciprocal).map(({ userId }) => userId);
      this.pairsChanged(viewer, users);
    }
  }

  /**
   * Resolves when it is known of all these users that have a dot what the viewer is shown; who is coming may be told later.
   * One policy at least is read for it, which sets the directory's clock: no version is below those that the client had from
   * other gateways.
   */
  async untilShown(viewer: Viewer<Subscriber>, users: readonly User[]): Promise<void> {
    const isWanted = () => viewer.subscribers.length > 0;
    await this.#reads.ask(() => this.#options.policies.policiesOf([viewer.userId]), isWanted);
    for (const user of users) {
      while (user.read !== undefined && (user.told === undefined || user.isHeld)) await user.read.done;
    }
    const asked = users.map(async (user) => {
      const { guard } = user;
      if (guard === undefined || !asksForPairs(guard.policy) || guard.pairs.isKnown(viewer)) return;
      await this.#askForPairs(user, guard, [viewer]);
    });
    await Promise.all(asked);
  }

  /** Resolves when all policies are read whose reading has begun. */
  async untilRead(): Promise<void> {
    await this.#reads.ask(() => this.#options.policies.atEnd(), always);
    for (const user of this.#options.index.values()) while (user.read !== undefined) await user.read.done;
  }

  #hold(user: User): void {
    if (user.dot === undefined) return;
    user.isHeld = true;
    this.#reads.read(user);
  }

  async #settle(user: User, read: PolicyRead, known: Known): Promise<void> {
    const { policy, sinceMs } = known;
    if (policy === everything && known.hidden === undefined) return this.#show(user, undefined, sinceMs);
    const isWanted = () => user.read === read && user.watchers.size > 0;
    const pairs = user.guard?.pairs ?? new Pairs();
    if (asksForPairs(policy)) {
      const viewers = [...user.watchers].map(({ viewer }) => viewer).filter((viewer) => !pairs.isKnown(viewer));
      await this.#askForPairs(user, { policy, pairs }, [...new Set(viewers)]);
    }
    const hidden = await this.#hiddenState(user, known, isWanted);
    if (!isWanted() || user.dot === undefined) return;
    if (hidden === "behind") return this.#reads.read(user);
    const { rules } = this.#options.policies;
    const kept = hidden && this.#hiddenDot(user, hidden);
    const floor = this.#options.floorOf(user);
    const isLost = this.#lost.delete(user) || user.told === undefined;
    const dot = kept !== undefined && isLost && kept.version < floor ? forgotten(kept, floor) : kept;
    this.#show(user, new Guard({ policy, sinceMs, dot: user.dot, hidden: dot, pairs, rules }), sinceMs);
  }

  /**
   * The state in which the user hides: it is stored, for all gateways, before it is shown.
   * @returns undefined: the user does not hide; `behind`: no more, by what the directory knows now
   */
  async #hiddenState(user: User, known: Known, isWanted: () => boolean): Promise<HiddenState | "behind" | undefined> {
    const { policies } = this.#options;
    const { userId, dot } = user;
    const { policy, hidden, sinceMs } = known;
    if (dot === undefined || !policies.rules.mayBeInvisible) return undefined;
    if (!policy.invisible && hidden !== undefined && dot.online) {
      await this.#reads.ask(() => policies.show(userId, hidden.sinceMs), isWanted);
      return undefined;
    }
    if (!policy.invisible || hidden !== undefined) return hidden;
    const state = hiddenStateOf(user.guard?.hidden ?? user.told, dot, sinceMs, this.#retentionMs);
    return (await this.#reads.ask(() => policies.hide(userId, state), isWanted)) ?? "behind";
  }

  #hiddenDot({ guard, told, dot }: User, hidden: HiddenState): HiddenDot | undefined {
    const held = guard?.hidden;
    return held?.hiddenSinceMs === hidden.sinceMs ? held : dot && hiddenDot(hidden, held ?? told, dot);
  }

  /**
   * The dot is shown to those who may see it.
   * @param guard undefined: to everybody
   * @param sinceMs since when the policy holds
   */
  #show(user: User, guard: Guard | undefined, sinceMs = 0): void {
    if (user.dot === undefined) return;
    const before = { told: user.told, guard: user.guard, isHeld: user.isHeld };
    const isPolicyNew = before.guard?.sinceMs !== guard?.sinceMs;
    if (isBack(user, guard)) {
      user.dot = comingBack(user.dot, sinceMs);
      this.#options.lookUp(user.userId);
    } else if (isPolicyNew && user.dot === user.told) {
      // Frames that are kept for other sockets are of the same object, and have an older version.
      user.dot = { ...user.dot };
    }
    user.guard = guard?.with({ dot: user.dot });
    user.isHeld = false;
    const isHiding = guard !== undefined && (guard.hidden !== undefined || guard.isForNobody);
    // Presence would know nothing yet of one who is away.
    if (isHiding && user.told === undefined && !user.isSure) return;
    if (isPolicyNew) user.news = undefined;
    else if (user.told?.version !== user.dot.version) user.news = user.dot;
    user.told = user.dot;
    if (guard?.hidden?.status.untilMs) this.#withText.add(user);
    this.#tell(user, before, isPolicyNew ? differAtAll : differ);
  }

  /** Puts those sockets into a turn that are shown something else than before, and no other. */
  #tell(user: User, before: Before, differs: typeof differ): void {
    const { told, guard } = user;
    const isForAll = before.guard === undefined && guard === undefined;
    const ofAll = isForAll ? changeOf(before.told, told, differs) : undefined;
    if (ofAll === "none" && !before.isHeld) return;
    for (const subscriber of user.watchers) {
      const change = ofAll ?? this.#changeFor(subscriber, user, before, differs);
      if (change === "state") subscriber.addChanged(user);
      if (change === "devices") subscriber.addDeviceChange(user);
      if ((change !== "none" || before.isHeld) && subscriber.pending > 0) this.#options.write(subscriber);
    }
  }

  /** A change for a viewer of whom it is not known what it may see is judged when that is. */
  #changeFor(subscriber: Subscriber, user: User, before: Before, differs: typeof differ) {
    const [was, is] = [shownBefore(before, subscriber), shownNow(user, subscriber)];
    if (is !== undefined) return changeOf(was, is, differs);
    user.guard?.pairs.putOff(subscriber, was);
    return "none";
  }

  /** Asks what is to be known of these pairs, and shows what that changes. */
  async #askForPairs(
    user: User,
    { policy, pairs }: Pick<Guard, "policy" | "pairs">,
    viewers: readonly Viewer<Subscriber>[],
  ): Promise<void> {
    const question = {};
    for (const viewer of viewers) pairs.ask(viewer, question);
    const isWanted = () => viewers.some(({ subscribers }) => subscribers.length > 0) && user.watchers.size > 0;
    const facts = await this.#reads.ask(() => this.#factsOf(user.userId, policy, viewers), isWanted);
    for (const [viewer, fact] of facts ?? [])
      this.#answerForPair(user, pairs, viewer, () => pairs.answer(viewer, question, fact));
  }

  #answerForPair(user: User, pairs: Pairs, viewer: Viewer<Subscriber>, answer: () => boolean): void {
    const { told, guard } = user;
    const isKnown = pairs.of(viewer) !== undefined;
    const subscribers = viewer.subscribers.filter((subscriber) => user.watchers.has(subscriber));
    const shown = subscribers.map((subscriber) => shownBefore({ told, guard, isHeld: false }, subscriber));
    if (!answer() || guard?.pairs !== pairs || told === undefined) return;
    user.told = { ...told };
    if (user.dot === told) user.dot = user.told;
    user.guard = guard.with({ dot: user.told });
    for (const [index, subscriber] of subscribers.entries()) {
      const unjudged = pairs.takePutOff(subscriber);
      const before = unjudged === undefined ? shown[index] : unjudged.before;
      const isOfSnapshot = unjudged === undefined && !isKnown;
      if (!isOfSnapshot && changeOf(before, shownNow(user, subscriber), differAtAll) !== "none") {
        subscriber.addChanged(user);
      }
      if (subscriber.pending > 0) this.#options.write(subscriber);
    }
  }

  async #factsOf(
    userId: string,
    policy: Policy,
    viewers: readonly Viewer<Subscriber>[],
  ): Promise<Map<Viewer<Subscriber>, PairFacts>> {
    const { policies } = this.#options;
    const ids = viewers.map((viewer) => viewer.userId);
    const contacts = await policies.contactsAmong(userId, ids);
    const known = policy.reciprocal ? await policies.policiesOf(ids) : undefined;
    const facts = viewers.map(async (viewer): Promise<[Viewer<Subscriber>, PairFacts]> => {
      const viewerPolicy = known?.get(viewer.userId)?.policy ?? everything;
      const isAsked = fields.some((field) => viewerPolicy[field] === "contacts");
      const isContactOfViewer = isAsked && (await policies.contactsAmong(viewer.userId, [userId])).has(userId);
      return [viewer, { isContact: contacts.has(viewer.userId), isContactOfViewer, viewerPolicy }];
    });
    return new Map(await Promise.all(facts));
  }

  #endTexts(): void {
    const nowMs = this.#options.clock.nowUs() / 1_000;
    for (const user of this.#withText) {
      const { guard } = user;
      const untilMs = guard?.hidden?.status.untilMs ?? 0;
      if ((untilMs > nowMs || user.read !== undefined) && user.watchers.size > 0) continue;
      this.#withText.delete(user);
      if (guard?.hidden !== undefined && untilMs !== 0)
        this.#show(user, guard.with({ hidden: withoutText(guard.hidden) }));
    }
  }
}

type Before = Pick<User, "told" | "guard" | "isHeld">;

function always(): boolean {
  return true;
}

/** Whether a user shows itself again. Who was online before is told to come now. */
function isBack({ told, guard, dot }: User, next: Guard | undefined): boolean {
  if (guard?.hidden === undefined || next?.hidden !== undefined || !dot?.online) return false;
  return told?.online === true || guard.policy.invisible;
}

function shownBefore({ told, guard }: Before, subscriber: Subscriber): ShownUser | undefined {
  return guard === undefined ? told : told && guard.shownBefore(subscriber);
}

function shownNow({ told, guard }: User, subscriber: Subscriber): ShownUser | undefined {
  return guard === undefined ? told : told && guard.shownTo(subscriber);
}

function changeOf(before: ShownUser | undefined, after: ShownUser | undefined, differs: typeof differ) {
  if (before === undefined || after === undefined || differs(before, after)) return "state";
  return differInDevices(before, after) ? "devices" : "none";
}
