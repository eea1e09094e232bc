import type { Clock } from "@realchat/presence-runtime";
import type { Policies } from "../privacy/policies.ts";
import { everything, type Policy } from "../privacy/policy.ts";
import type { HiddenState, Known } from "../privacy/policy-directory.ts";
import { type Away, answerOfAway, leaving, withoutText } from "./away.ts";
import { atFloor, type Dot } from "./dot.ts";
import type { DotSource } from "./dot-sources.ts";
import { Guard } from "./guard.ts";
import { HiddenStates } from "./hidden-states.ts";
import { comingBack, stateAt } from "./hiding.ts";
import type { InterestIndex } from "./interest-index.ts";
import { mustWait } from "./must-wait.ts";
import { PairQuestions } from "./pair-questions.ts";
import { asksForPairs, Pairs } from "./pairs.ts";
import { PolicyReads } from "./policy-reads.ts";
import type { PresenceLookup } from "./presence-lookup.ts";
import { differ, differAtAll } from "./shown-user.ts";
import type { Subscriber } from "./subscriber.ts";
import { renew, Turns } from "./turns.ts";
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
  /** Something of what the socket waits for can be sent. */
  readonly write: (subscriber: Subscriber) => void;
  /** Looks up the devices of a user of whom none are known, or who shows itself again. */
  readonly lookUpDevices: (user: User) => void;
  /** The version below which nothing that was said of users of the shard holds any more, wherever it was said. */
  readonly floorOf: (shard: number) => number;
  readonly onFailure: (error: unknown) => void;
}

/** How often it is looked for texts of hidden users that are over, as presence does for others, and whether policies can be read. */
const checkEveryMs = 1_000;

/**
 * What is shown of users. What is known is told once a policy was read that holds for it, unless it says no more than that
 * the user left; a user whose policy may have changed is not sent until it was read again. To those who may not see the
 * truth the user is another one, who is away: see Away. Both are told by the same rules, so that nothing but what would
 * change that other one makes a difference to them.
 */
export class Appearances {
  readonly #options: AppearancesOptions;
  readonly #reads: PolicyReads<Subscriber>;
  readonly #turns: Turns;
  readonly #pairs: PairQuestions;
  readonly #hiding: HiddenStates;
  readonly #unwatched: UnwatchedHiding;
  readonly #stopChecking: () => void;
  /** Hidden users with a text that will be over. */
  readonly #withText = new Set<User>();

  constructor(options: AppearancesOptions) {
    const { policies, clock, nextTurn, onFailure } = options;
    this.#options = options;
    this.#reads = new PolicyReads({
      ...{ policies, clock, nextTurn, onFailure },
      onRead: (user, read, known) => this.#found(user, read, known),
    });
    this.#turns = new Turns(options.write);
    this.#pairs = new PairQuestions(policies, this.#reads, (...answer) => this.#turns.answerForPair(...answer));
    this.#hiding = new HiddenStates(policies, this.#reads);
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
    this.#hiding.keepsLastSeen(retentionMs);
  }

  /** Presence answered for the user, or cannot: from now on its policy is known. */
  isAnswered(user: User): void {
    if (user.policy === "unread" && user.read === undefined) this.#reads.read(user);
  }

  /** More is known of the user, or of who is shown instead. */
  changed(user: User): void {
    const { policy, guard, told, away } = user;
    if (policy !== "read") return;
    const isWaiting = this.#tell(user, { guard, away, from: { dot: told, away: away?.told } });
    if (isWaiting && !isBeingRead(user)) this.#reads.read(user);
  }

  policiesChanged(userIds: readonly string[]): void {
    for (const userId of userIds) {
      const user = this.#options.index.get(userId);
      if (user === undefined) this.#unwatched.add(userId);
      else this.#doubt(user);
    }
  }

  /** The feed told of a user whom nobody here watches. */
  unwatchedChanged(userId: string): void {
    this.#unwatched.changed(userId);
  }

  recheckPolicies(): void {
    for (const user of this.#options.index.values()) this.#doubt(user);
  }

  /** What is known of the viewer and these users may have changed. */
  pairsChanged(viewer: Viewer<Subscriber>, userIds: readonly string[]): void {
    for (const userId of userIds) {
      const user = this.#options.index.get(userId);
      const { guard } = user ?? {};
      if (user !== undefined && guard?.pairs.of(viewer) !== undefined) void this.#pairs.ask(user, guard, [viewer]);
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
   * Resolves when it is known of all these users, for whom presence answered, what the viewer is shown. One policy at least is
   * read for it, which sets the directory's clock: no version is below those that the client had from other gateways.
   */
  async untilShown(viewer: Viewer<Subscriber>, users: readonly User[]): Promise<void> {
    const isWanted = () => viewer.subscribers.length > 0;
    await this.#reads.ask(() => this.#options.policies.policiesOf([viewer.userId]), isWanted);
    for (const user of users) this.isAnswered(user);
    for (const user of users) while (user.read !== undefined && isUntold(user)) await user.read.done;
    const asked = users.flatMap((user) => {
      const { guard } = user;
      const isAsked = guard !== undefined && asksForPairs(guard.policy) && !guard.pairs.isKnown(viewer);
      return isAsked ? [this.#pairs.ask(user, guard, [viewer])] : [];
    });
    if (asked.length > 0) await Promise.all(asked);
  }

  /** Resolves when all policies are read whose reading has begun, and not before one could be: somebody may have come, or nobody. */
  async untilRead(): Promise<void> {
    const [anybody] = this.#options.index.values();
    if (anybody !== undefined) await this.#reads.untilRead(anybody.userId);
    for (const user of this.#options.index.values()) while (user.read !== undefined) await user.read.done;
  }

  #doubt(user: User): void {
    if (user.policy === "read") user.policy = "doubted";
    if (user.policy === "doubted" || user.read !== undefined) this.#reads.read(user);
  }

  /** @returns when it is settled what is shown; undefined: it is, as of those who show everything */
  #found(user: User, read: PolicyRead, known: Known): Promise<void> | undefined {
    if (known.policy !== everything || known.hidden !== undefined) return this.#settle(user, read, known);
    this.#readDone(user, undefined, undefined, read);
    return undefined;
  }

  async #settle(user: User, read: PolicyRead, known: Known): Promise<void> {
    const { policy, sinceMs } = known;
    const isWanted = () => user.read === read && user.watchers.size > 0;
    const pairs = user.guard?.pairs ?? new Pairs();
    if (asksForPairs(policy) && asksAnew(user.guard, policy)) {
      const viewers = new Set([...user.watchers].map(({ viewer }) => viewer));
      await this.#pairs.ask(user, { policy, pairs }, [...viewers]);
    }
    const allowed = mustWait(read.dot, user.dot) ? user.told : user.dot;
    const hidden = await this.#hiding.of(user, known, { allowed, isWanted });
    if (!isWanted()) return;
    if (hidden === "behind") return this.#reads.read(user);
    const isHiding = hidden !== undefined;
    if (isHiding && !policy.invisible) this.#unwatched.follow(user.userId);
    if (user.dot?.online && isBack(user, isHiding)) {
      user.dot = comingBack(user.dot, sinceMs);
      read.dot = user.dot;
      this.#options.lookUpDevices(user);
    }
    const away = this.#awayOf(user, hidden, read);
    const isForAll = policy === everything && !isHiding;
    const { rules } = this.#options.policies;
    const told = { dot: undefined, away: undefined };
    const guard = isForAll
      ? undefined
      : new Guard({ userId: user.userId, policy, sinceMs, pairs, rules, isHiding, ...told });
    this.#readDone(user, guard, isForAll ? undefined : away, read);
  }

  /**
   * Who is shown to those who may not see the truth. It is known where presence would have told of a user who is away, and what
   * was not when the read began waits for another one, as it does of any user.
   */
  #awayOf(user: User, hidden: HiddenState | undefined, read: PolicyRead): Away {
    const { away, dataSince } = user;
    if (away !== undefined && away.hidden?.sinceMs === hidden?.sinceMs) return { ...away, hidden };
    read.away = this.#knownOfAway(user, hidden, read.dataSince);
    return { hidden, dot: this.#knownOfAway(user, hidden, dataSince), told: undefined };
  }

  #knownOfAway({ dot, told, away, guard }: User, hidden: HiddenState | undefined, dataSince: number | undefined) {
    const before = guard?.isHiding ? away?.told : told;
    if (dot === undefined || (before === undefined && dataSince === undefined)) return undefined;
    const nowMs = this.#options.clock.nowUs() / 1_000;
    const answer = answerOfAway(hidden, dot, { dataSince: dataSince ?? 0, nowMs });
    const isSeen = hidden !== undefined && before !== undefined;
    return isSeen
      ? leaving(answer, hidden, stateAt(before, dot, hidden.sinceMs))
      : atFloor(answer, this.#options.floorOf(dot.shard));
  }

  #readDone(user: User, guard: Guard | undefined, away: Away | undefined, read: PolicyRead): void {
    if (this.#tell(user, { guard, away, from: read })) this.#reads.read(user);
  }

  /**
   * Tells what is known as far as it need not wait for a read of the policy.
   * @param from what was told, or may be by the read that is done
   * @returns whether something waits
   */
  #tell(user: User, { guard, away, from }: Telling): boolean {
    const before = { told: user.told, guard: user.guard, isHeld: user.policy === "doubted" };
    // Of one who is offline to everybody nothing is told in any case: it must not even take time.
    const isDotWaiting = !guard?.isForNobody && mustWait(from.dot, user.dot);
    const isAwayWaiting = away !== undefined && mustWait(from.away, away.dot);
    if (!isDotWaiting) user.told = user.dot;
    if (away !== undefined && !isAwayWaiting) away.told = away.dot;
    user.away = away;
    user.policy = "read";
    const isPolicyNew = before.guard?.sinceMs !== guard?.sinceMs;
    const isDotNew = before.told?.version !== user.told?.version;
    if (isPolicyNew) {
      renew(user);
      user.news = undefined;
    } else if (isDotNew) {
      user.news = user.told;
    }
    user.guard = guard?.telling(user.told, away?.told);
    // Not before the policy was read: till then it is not known whether a look-up may delay others.
    if (isDotNew && user.told !== undefined && user.told.devices === undefined) this.#options.lookUpDevices(user);
    if (away?.dot?.status.untilMs) this.#withText.add(user);
    this.#turns.add(user, before, isPolicyNew ? differAtAll : differ);
    return isDotWaiting || isAwayWaiting;
  }

  #endTexts(): void {
    const nowMs = this.#options.clock.nowUs() / 1_000;
    for (const user of this.#withText) {
      const { away } = user;
      const untilMs = away?.dot?.status.untilMs ?? 0;
      if (untilMs > nowMs && user.watchers.size > 0) continue;
      this.#withText.delete(user);
      if (away?.dot === undefined || untilMs === 0) continue;
      away.dot = withoutText(away.dot);
      this.changed(user);
    }
  }
}

interface Telling {
  readonly guard: Guard | undefined;
  readonly away: Away | undefined;
  readonly from: { readonly dot: Dot | undefined; readonly away: Dot | undefined };
}

/** Whether a read is under way for what waits. One for the user's own changes is none for those of who is shown instead. */
function isBeingRead({ read, away }: User): boolean {
  const isAwayWaiting = away !== undefined && away.dot !== away.told;
  return read !== undefined && !(isAwayWaiting && read.away === away.told);
}

/** Whether something is known of the user, or of who is shown instead, and not told. */
function isUntold({ policy, guard, dot, told, away }: User): boolean {
  const track = guard === undefined ? { dot, told } : away;
  return policy !== "read" || (track?.dot !== undefined && track.told === undefined);
}

/** Whether all pairs are to be asked for by that policy: those of before were not, or for less. */
function asksAnew(guard: Guard | undefined, { reciprocal }: Policy): boolean {
  return guard === undefined || !asksForPairs(guard.policy) || guard.policy.reciprocal !== reciprocal;
}

/** Whether a user who hid shows itself again. Who was online before is told to come now. */
function isBack({ told, guard }: User, isHiding: boolean): boolean {
  return guard?.isHiding === true && !isHiding && (told?.online === true || guard.policy.invisible);
}
