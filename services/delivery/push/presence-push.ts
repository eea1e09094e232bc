import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { AffectedPairs, AudienceDirectory } from "../audience/directory.ts";
import type { AudienceListener } from "../audience/listener.ts";
import type { FeedListener, PresenceFeed, PresenceUpdate } from "../feed/feed.ts";
import type { Policies, PolicyListener } from "../privacy/policies.ts";
import { Appearances } from "./appearances.ts";
import { type Away, answerOfAway } from "./away.ts";
import { atFloor, type Dot, dotOf, follow } from "./dot.ts";
import { FeedSource, LookupSource } from "./dot-sources.ts";
import type { FrameSink } from "./frame-sink.ts";
import { FrameWriter, type ObserveAge } from "./frame-writer.ts";
import { InterestIndex } from "./interest-index.ts";
import { Lookups } from "./lookups.ts";
import type { PresenceLookup } from "./presence-lookup.ts";
import type { LookupMetrics, Push, PushMetrics, Subscription } from "./push.ts";
import { Reconciliation } from "./reconciliation.ts";
import { Semaphore } from "./semaphore.ts";
import { differ } from "./shown-user.ts";
import { Staleness } from "./staleness.ts";
import { type Places, Subscriber } from "./subscriber.ts";
import { type InterestLimits, Viewer, type ViewerOptions } from "./viewer.ts";
import type { WatchedUser } from "./watched-user.ts";

export interface PresencePushOptions {
  readonly directory: Pick<AudienceDirectory, "visibleTo" | "maySee">;
  readonly policies: Policies;
  readonly lookup: PresenceLookup;
  readonly clock: Clock;
  readonly limits: InterestLimits & {
    /** Users in one look-up. */
    readonly lookupMax: number;
  };
  /** How long the network may take over one write before the socket is closed, ms. */
  readonly slowMs: number;
  /** Every watched user is looked up once in this time, ms; 0: never. */
  readonly reconcileEveryMs: number;
  /** Whether the feed delivers changes now; while it does not, known states are looked up again. */
  readonly isFeedListening: () => boolean;
  readonly floorOf: PresenceFeed["floorOf"];
  /** Hears of each change that is written to a socket. */
  readonly observeAge: ObserveAge;
  readonly onDirectoryFailure: (error: unknown) => void;
  /** Puts a run off to the next turn of the event loop; default: Node's own. */
  readonly nextTurn?: (run: () => void) => void;
}

/** Queries to the directory in flight. */
const directoryQueriesMax = 256;
/** Look-ups of devices of which nobody is to be able to tell that there are any, each a call of its own. */
const quietCallsMax = 64;
/** How long a client that asks again waits at most for a fresh state, ms. */
const refreshAnswerMaxMs = 2_000;
/** Resets of all shards, from all partitions, come close together: all users are walked once for those of this time, ms. */
const resetPauseMs = 100;
const noRoles: ReadonlySet<string> = new Set();

/**
 * Sends users' states to the sockets that may see them: a snapshot when a socket connects, from then on every change. One
 * state is kept per watched user, and its version only grows. So a socket never receives a state that is older than the one
 * before, whichever of the feed and a look-up comes first.
 */
export class PresencePush implements Push, FeedListener, AudienceListener, PolicyListener {
  readonly #options: PresencePushOptions;
  readonly #index = new InterestIndex();
  readonly #viewers = new Map<string, Viewer<Subscriber>>();
  readonly #directoryQueries = new Semaphore(directoryQueriesMax);
  readonly #writer: FrameWriter;
  readonly #presence: LookupSource;
  readonly #lookups: Lookups;
  /** Of users whom somebody is not to know to be online: what is asked of one must not delay what is asked of others. */
  readonly #quietLookups: Lookups;
  readonly #reconciliation: Reconciliation;
  readonly #staleness: Staleness;
  readonly #appearances: Appearances;
  readonly #viewerOptions: ViewerOptions<Subscriber>;
  readonly #places: Places = {
    unwatch: (subscriber, userIds) => this.#index.unwatch(subscriber, userIds),
    close: (subscriber) => this.#close(subscriber),
  };
  readonly #stopSweeping: () => void;
  /** Whose floor has risen. */
  #resetShards = new Set<number>();
  #subscribers = 0;
  #directoryFailures = 0;
  #feedUpdates = 0;

  constructor(options: PresencePushOptions) {
    const { clock, limits, slowMs, observeAge, reconcileEveryMs, nextTurn = setImmediate } = options;
    this.#options = options;
    this.#writer = new FrameWriter({
      ...{ clock, slowMs, observeAge, nextTurn },
      isStale: () => this.#staleness.isStale,
      nowUs: () => options.policies.nowUs(),
    });
    const lookups = (lookUp: (userIds: readonly string[]) => Promise<void>) =>
      new Lookups({ lookUp, clock, batchMax: limits.lookupMax });
    this.#presence = new LookupSource(options);
    this.#lookups = lookups((userIds) => this.#lookUp(userIds));
    this.#quietLookups = new Lookups({
      lookUp: (userIds) => this.#lookUpQuietly(userIds),
      ...{ clock, batchMax: 1, callsMax: quietCallsMax },
    });
    this.#reconciliation = new Reconciliation({
      index: this.#index,
      // A separate queue, so that a pass over all users does not delay new sockets.
      lookups: lookups((userIds) => this.#lookUp(userIds)),
      clock,
      everyMs: reconcileEveryMs,
      isIdle: () => this.#presence.isIdle,
    });
    const onFailure = (error: unknown) => {
      this.#directoryFailures++;
      options.onDirectoryFailure(error);
    };
    this.#appearances = new Appearances({
      ...{ policies: options.policies, lookup: options.lookup, index: this.#index, clock, nextTurn, onFailure },
      floorOf: (shard) => options.floorOf(shard, undefined),
      write: (subscriber) => this.#writer.add(subscriber),
      lookUpDevices: (user) => this.#lookUpDevices(user),
    });
    this.#staleness = new Staleness({
      sources: [new FeedSource(options), this.#presence, this.#appearances.source],
      catchUp: async () => {
        await this.#reconciliation.all();
        await this.#appearances.untilRead();
      },
      onChange: () => this.#sendStalenessToAll(),
      clock,
    });
    this.#viewerOptions = {
      directory: options.directory,
      semaphore: this.#directoryQueries,
      effects: {
        admit: (subscriber, userIds, { refresh }) => void this.#admit(subscriber, userIds, refresh),
        hide: (subscriber, userIds) => this.#hide(subscriber, userIds),
        isWatching: (subscriber, userId) => this.#index.get(userId)?.watchers.has(subscriber) ?? false,
        verified: (subscriber) => {
          if (subscriber.pending > 0) this.#writer.add(subscriber);
        },
      },
      clock,
      limits,
      onFailure,
    };
    this.#stopSweeping = clock.every(1_000, () => this.#writer.closeSlow());
  }

  get metrics(): PushMetrics {
    const { limits } = this.#options;
    const viewers = this.#viewers;
    return {
      ...this.#writer.metrics,
      subscribers: this.#subscribers,
      watchedUsers: this.#index.size,
      interests: this.#index.interests,
      interestsMax: this.#subscribers * limits.watchedMax,
      busySockets: this.#writer.busy,
      // Counted on read only: there may be many viewers.
      get unverified() {
        let doubts = 0;
        for (const viewer of viewers.values()) doubts += viewer.unverified;
        return doubts;
      },
      directoryQueries: this.#directoryQueries.size + this.#appearances.reads,
      directoryFailures: this.#directoryFailures,
      feedUpdates: this.#feedUpdates,
      lookups: sumOf(this.#lookups.metrics, this.#quietLookups.metrics),
      reconciliation: this.#reconciliation.metrics,
      isStale: this.#staleness.isStale,
      staleEpisodes: this.#staleness.episodes,
    };
  }

  connect(userId: string, sink: FrameSink, roles = noRoles): Subscription {
    const viewer = this.#viewerOf(userId);
    const subscriber = new Subscriber(viewer, sink, roles, this.#places);
    this.#subscribers++;
    viewer.join(subscriber);
    if (this.#staleness.isStale) this.#writer.add(subscriber);
    return subscriber;
  }

  close(): void {
    this.#stopSweeping();
    this.#staleness.close();
    this.#lookups.close();
    this.#quietLookups.close();
    this.#reconciliation.close();
    this.#appearances.close();
  }

  /** These users' relations may have changed: neither is shown to the other until the directory was queried again. */
  affected(pairs: readonly AffectedPairs[]): void {
    for (const { users, others } of pairs) {
      for (const userId of users) this.#relationsChanged(userId, others);
      for (const other of others) this.#relationsChanged(other, users);
    }
  }

  #relationsChanged(userId: string, others: readonly string[]): void {
    const viewer = this.#viewers.get(userId);
    if (viewer === undefined) return;
    viewer.relationsChanged(others);
    this.#appearances.pairsChanged(viewer, others);
  }

  recheckAll(): void {
    for (const viewer of this.#viewers.values()) {
      viewer.allRelationsChanged();
      for (const { watched } of viewer.subscribers) {
        this.#appearances.pairsChanged(
          viewer,
          watched.map(({ userId }) => userId),
        );
      }
    }
  }

  policiesChanged(userIds: readonly string[]): void {
    this.#appearances.policiesChanged(userIds);
    for (const userId of userIds) {
      const viewer = this.#viewers.get(userId);
      if (viewer !== undefined) this.#appearances.viewerChanged(viewer);
    }
  }

  recheckPolicies(): void {
    this.#appearances.recheckPolicies();
    for (const viewer of this.#viewers.values()) this.#appearances.viewerChanged(viewer);
  }

  update(update: PresenceUpdate, partition: number | undefined): void {
    this.#feedUpdates++;
    const user = this.#index.get(update.userId);
    if (user === undefined) {
      this.#appearances.unwatchedChanged(update.userId);
      return;
    }
    user.partition = partition;
    this.#apply(user, user, dotOf(update));
  }

  /** A device of a user came or went and the user stays online: the devices are looked up, unless the user hides them. */
  devicesChanged(userId: string): void {
    const user = this.#index.get(userId);
    if (user?.dot?.online && !user.guard?.isHiding && !user.guard?.isForNobody) this.#lookUpDevices(user);
  }

  #lookUpDevices({ userId, policy, told, guard }: User): void {
    const isOpen = policy === "read" && told?.online && !guard?.isSecret;
    (isOpen ? this.#lookups : this.#quietLookups).request([userId]);
  }

  gap(): void {
    for (const user of this.#index.values()) user.partition = undefined;
    void this.#reconciliation.all();
  }

  /** Who is below the floor is looked up, not taken down at once: what the feed missed must turn nobody grey who lives. */
  reset(shard: number): void {
    if (this.#resetShards.size === 0) this.#options.clock.after(resetPauseMs, () => this.#findReset());
    this.#resetShards.add(shard);
  }

  #findReset(): void {
    const shards = this.#resetShards;
    this.#resetShards = new Set();
    void this.#reconciliation.matching((user) => {
      const dot = shownDot(user);
      return dot !== undefined && shards.has(dot.shard) && dot.version < this.#floorOf(user, dot);
    });
  }

  #sendStalenessToAll(): void {
    for (const { subscribers } of this.#viewers.values()) {
      for (const subscriber of subscribers) this.#writer.add(subscriber);
    }
  }

  #viewerOf(userId: string): Viewer<Subscriber> {
    let viewer = this.#viewers.get(userId);
    if (viewer === undefined) {
      viewer = new Viewer(userId, this.#viewerOptions);
      this.#viewers.set(userId, viewer);
    }
    return viewer;
  }

  #close(subscriber: Subscriber): void {
    if (subscriber.isClosed) return;
    subscriber.isClosed = true;
    this.#subscribers--;
    this.#writer.remove(subscriber);
    this.#index.unwatchAll(subscriber);
    subscriber.cancelLookups();
    const { viewer } = subscriber;
    viewer.leave(subscriber);
    if (viewer.subscribers.length === 0 && this.#viewers.get(viewer.userId) === viewer)
      this.#viewers.delete(viewer.userId);
  }

  async #admit(subscriber: Subscriber, userIds: readonly string[], refresh: boolean): Promise<void> {
    const isFeedCurrent = !refresh && this.#options.isFeedListening();
    // Watched before they are looked up: a change between the two comes by the feed.
    const users = userIds.map((userId) => this.#index.watch(subscriber, userId));
    const unknown = users.filter((user) => !isFeedCurrent || user.policy === "unread" || shownDot(user) === undefined);
    const request = this.#lookups.request(unknown.map(({ userId }) => userId));
    subscriber.addLookup(request);
    const shown = request.done.then(() => this.#appearances.untilShown(subscriber.viewer, users));
    // A client that asks again may take silence for a dead connection: in an outage it is sent the known state.
    await (refresh ? this.#waitAtMost(refreshAnswerMaxMs, shown) : shown);
    if (subscriber.isClosed) return;
    subscriber.addToSnapshot(users.filter(({ watchers }) => watchers.has(subscriber)));
    this.#writer.add(subscriber);
  }

  #waitAtMost(limitMs: number, answer: Promise<void>): Promise<void> {
    const enough = new AbortController();
    void answer.then(() => enough.abort());
    return pause(this.#options.clock, limitMs, enough.signal);
  }

  #hide(subscriber: Subscriber, userIds: readonly string[]): void {
    this.#index.unwatch(subscriber, userIds);
    subscriber.addHidden(userIds);
    this.#writer.add(subscriber);
  }

  async #lookUp(userIds: readonly string[]): Promise<void> {
    const held = new Map(userIds.map((userId) => [userId, heldOf(this.#index.get(userId))]));
    const { dots, recovering, dataSince, lastSeenRetentionMs } = await this.#presence.lookUp(userIds);
    this.#appearances.keepsLastSeen(lastSeenRetentionMs);
    const untold = new Set(userIds);
    for (const dot of dots) {
      untold.delete(dot.userId);
      const user = this.#index.get(dot.userId);
      if (user === undefined) continue;
      if (recovering) this.#applyUnsure(user, dot);
      else this.#applySure(user, dot, { dataSince: dataSince.get(dot.shard) ?? 0, held: held.get(dot.userId) });
      this.#appearances.isAnswered(user);
    }
    for (const userId of untold) this.#reconciliation.doubt(userId);
  }

  /** Learns only what is true of the users: what would change those who are away is found by other look-ups. */
  async #lookUpQuietly(userIds: readonly string[]): Promise<void> {
    const { dots } = await this.#options.lookup(userIds);
    for (const dot of dots) {
      const user = this.#index.get(dot.userId);
      if (user !== undefined) this.#applyOnline(user, dot);
    }
  }

  /** While presence recovers, a user that it does not know may not be registered again yet: that shows nobody grey. */
  #applyUnsure(user: User, dot: Dot): void {
    const isTrue = this.#applyOnline(user, dot);
    const shown = user.policy === "unread" ? undefined : shownDot(user);
    if (shown === undefined || (shown.online && !isTrue)) this.#reconciliation.doubt(dot.userId);
  }

  /** @returns whether the user is online, whatever presence lost */
  #applyOnline(user: User, dot: Dot): boolean {
    const isTrue = dot.online && dot.version >= this.#floorOf(user, dot);
    if (isTrue) this.#apply(user, user, dot);
    return isTrue;
  }

  /** @param held what was known when the look-up was sent */
  #applySure(
    user: User,
    dot: Dot,
    { dataSince, held }: { readonly dataSince: number; readonly held: Held | undefined },
  ) {
    const { away } = user;
    const nowMs = this.#options.clock.nowUs() / 1_000;
    user.dataSince = dataSince;
    this.#applyAnswer(user, user, dot, held?.dot);
    if (away === undefined) return;
    this.#applyAnswer(user, away, answerOfAway(away.hidden, dot, { dataSince, nowMs }), held?.away);
  }

  #applyAnswer(user: User, track: Track, answer: Dot, held: Dot | undefined): void {
    const { dot: known } = track;
    const dot = atFloor(answer, this.#floorOf(user, answer));
    // No update came since the look-up was sent, and yet its answer is older than the known state and differs: presence
    // lost its data. The versions of its next transitions are higher again; the version of this answer has to be, too.
    const isUnchanged = known !== undefined && known === held;
    const isLost = isUnchanged && dot.version < known.version && differ(known, dot);
    this.#apply(user, track, isLost ? { ...dot, version: known.version + 1 } : dot);
  }

  /** The only place where a user's state changes. It never changes to an older version. */
  #apply(user: User, track: Track, dot: Dot): void {
    if (track.dot !== undefined && dot.version < track.dot.version) return;
    track.dot = follow(track.dot, dot);
    this.#appearances.changed(user);
  }

  /** Who is offline may be so by any partition's word: only when all of them have told of a loss, that is told. */
  #floorOf({ partition }: Pick<User, "partition">, { shard, online }: Dot): number {
    return this.#options.floorOf(shard, online ? partition : undefined);
  }
}

function sumOf(one: LookupMetrics, other: LookupMetrics): LookupMetrics {
  return {
    asked: one.asked + other.asked,
    waiting: one.waiting + other.waiting,
    failures: one.failures + other.failures,
    refused: one.refused + other.refused,
  };
}

type User = WatchedUser<Subscriber>;
/** The user, or who is shown instead to those who may not see the truth. */
type Track = User | Away;
type Held = Readonly<Record<"dot" | "away", Dot | undefined>>;

function heldOf(user: User | undefined): Held | undefined {
  return user && { dot: user.dot, away: user.away?.dot };
}

/** What of a user counts for everybody: of one who hides from some, what those are shown. */
function shownDot({ guard, dot, away }: Pick<User, "guard" | "dot" | "away">): Dot | undefined {
  return guard === undefined ? dot : away?.dot;
}
