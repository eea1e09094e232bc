import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { AffectedPairs, AudienceDirectory } from "../audience/directory.ts";
import type { AudienceListener } from "../audience/listener.ts";
import type { FeedListener, PresenceUpdate } from "../feed/feed.ts";
import { type Dot, differ, differInDevices } from "./dot.ts";
import { FeedSource, LookupSource } from "./dot-sources.ts";
import { Gate } from "./gate.ts";
import { InterestIndex } from "./interest-index.ts";
import { Lookups } from "./lookups.ts";
import type { Outlet } from "./outlet.ts";
import type { PresenceLookup } from "./presence-lookup.ts";
import type { Push, PushFigures, Subscription } from "./push.ts";
import { Reconciliation } from "./reconciliation.ts";
import { Staleness } from "./staleness.ts";
import { Subscriber } from "./subscriber.ts";
import { Turns } from "./turns.ts";
import { type InterestLimits, Viewer, type ViewerEffects } from "./viewer.ts";

export interface PresencePushOptions {
  readonly directory: Pick<AudienceDirectory, "visibleTo" | "maySee">;
  readonly lookup: PresenceLookup;
  readonly clock: Clock;
  readonly limits: InterestLimits & {
    /** Users of one look-up. */
    readonly lookupMax: number;
  };
  /** How long the network may take over one write before the socket is closed, ms. */
  readonly slowMs: number;
  /** Everyone who is watched is looked up once in this time, ms; 0: never. */
  readonly reconcileEveryMs: number;
  /** Whether changes are heard at the moment; while they are not, nothing that is known already is trusted. */
  readonly hears: () => boolean;
  /** Seconds. */
  readonly observeAge: (ageSeconds: number) => void;
  readonly onDirectoryFailure: (error: unknown) => void;
}

/** Questions to the directory that are under way. */
const questionsMax = 256;
/** How long somebody who asks again waits at most for what is true now, ms. */
const patienceMs = 2_000;

/**
 * Brings what the feed tells to the sockets that may see it: on connect a snapshot of those whom the user may see, from
 * then on every change. Per user one state is kept, whose version only grows, and sockets are told of that: whether a
 * change came by the feed or in an answer, first or last, a socket is never told something older than before.
 */
export class PresencePush implements Push, FeedListener, AudienceListener {
  readonly #options: PresencePushOptions;
  readonly #index = new InterestIndex();
  readonly #viewers = new Map<string, Viewer<Subscriber>>();
  readonly #gate = new Gate(questionsMax);
  readonly #turns: Turns;
  readonly #presence: LookupSource;
  readonly #lookups: Lookups;
  readonly #reconciliation: Reconciliation;
  readonly #staleness: Staleness;
  readonly #effects: ViewerEffects<Subscriber>;
  readonly #stopSweeping: () => void;
  #subscribers = 0;
  #directoryFailures = 0;
  #feedUpdates = 0;

  constructor(options: PresencePushOptions) {
    const { clock, limits, slowMs, observeAge, reconcileEveryMs } = options;
    this.#options = options;
    this.#turns = new Turns({ clock, slowMs, observeAge, isStale: () => this.#staleness.isStale });
    const lookups = () => new Lookups({ look: (userIds) => this.#look(userIds), clock, batchMax: limits.lookupMax });
    this.#presence = new LookupSource(options);
    this.#lookups = lookups();
    this.#reconciliation = new Reconciliation({
      index: this.#index,
      // Of its own, so that a pass over everyone keeps no new socket waiting.
      lookups: lookups(),
      clock,
      everyMs: reconcileEveryMs,
      isQuiet: () => this.#presence.isQuiet,
    });
    this.#staleness = new Staleness({
      sources: [new FeedSource(options), this.#presence],
      catchUp: () => this.#reconciliation.everyone(),
      onChange: () => this.#tellStaleness(),
      clock,
    });
    this.#effects = {
      admit: (subscriber, userIds, { lookAgain }) => void this.#admit(subscriber, userIds, lookAgain),
      hide: (subscriber, userIds) => this.#hide(subscriber, userIds),
      isWatching: (subscriber, userId) => this.#index.get(userId)?.watchers.has(subscriber) ?? false,
      cleared: (subscriber) => {
        if (subscriber.pending > 0) this.#turns.add(subscriber);
      },
    };
    this.#stopSweeping = clock.every(1_000, () => this.#turns.closeSlow());
  }

  get figures(): PushFigures {
    const { limits } = this.#options;
    const viewers = this.#viewers;
    return {
      ...this.#turns.figures,
      subscribers: this.#subscribers,
      watchedUsers: this.#index.size,
      interests: this.#index.interests,
      interestsMax: this.#subscribers * limits.watchedMax,
      busySockets: this.#turns.busy,
      // Counted only for whoever wants to know: there may be many viewers.
      get doubts() {
        let doubts = 0;
        for (const viewer of viewers.values()) doubts += viewer.doubts;
        return doubts;
      },
      questions: this.#gate.size,
      directoryFailures: this.#directoryFailures,
      feedUpdates: this.#feedUpdates,
      lookups: this.#lookups.figures,
      reconciliation: this.#reconciliation.figures,
      isStale: this.#staleness.isStale,
      staleTimes: this.#staleness.times,
    };
  }

  connect(userId: string, outlet: Outlet): Subscription {
    const viewer = this.#viewerOf(userId);
    const subscriber = new Subscriber(viewer, outlet);
    this.#subscribers++;
    viewer.join(subscriber);
    if (this.#staleness.isStale) this.#turns.add(subscriber);
    return {
      subscribe: (userIds) => viewer.wish(subscriber, userIds),
      unsubscribe: (userIds) => {
        viewer.unwish(subscriber, userIds);
        this.#index.unwatch(subscriber, userIds);
      },
      close: () => this.#close(subscriber),
    };
  }

  close(): void {
    this.#stopSweeping();
    this.#staleness.close();
    this.#lookups.close();
    this.#reconciliation.close();
  }

  /** These users' relations may have changed: nobody is shown to the other until the directory was asked again. */
  affected(pairs: readonly AffectedPairs[]): void {
    for (const { users, others } of pairs) {
      for (const userId of users) this.#viewers.get(userId)?.touched(others);
      for (const other of others) this.#viewers.get(other)?.touched(users);
    }
  }

  lookAgain(): void {
    for (const viewer of this.#viewers.values()) viewer.touchedAll();
  }

  update(update: PresenceUpdate): void {
    this.#feedUpdates++;
    const user = this.#index.get(update.userId);
    if (user !== undefined) this.#learn({ ...update, devices: devicesAfter(update) });
  }

  /** A device came or went of a user who stays online: which they are now is looked up. */
  devicesChanged(userId: string): void {
    if (this.#index.get(userId)?.dot?.online) this.#lookups.ask([userId]);
  }

  gap(): void {
    void this.#reconciliation.everyone();
  }

  reset(shard: number, begin: number): void {
    // Presence says what they are now, with a version that any client takes for newer.
    const isBefore = (dot: Dot) => dot.shard === shard && dot.version < begin;
    void this.#reconciliation.those((dot) => dot === undefined || isBefore(dot));
  }

  #tellStaleness(): void {
    for (const { subscribers } of this.#viewers.values()) {
      for (const subscriber of subscribers) this.#turns.add(subscriber);
    }
  }

  #viewerOf(userId: string): Viewer<Subscriber> {
    let viewer = this.#viewers.get(userId);
    if (viewer === undefined) {
      const { directory, clock, limits } = this.#options;
      const onFailure = (error: unknown) => {
        this.#directoryFailures++;
        this.#options.onDirectoryFailure(error);
      };
      viewer = new Viewer(userId, { directory, gate: this.#gate, effects: this.#effects, clock, limits, onFailure });
      this.#viewers.set(userId, viewer);
    }
    return viewer;
  }

  #close(subscriber: Subscriber): void {
    if (subscriber.isClosed) return;
    subscriber.isClosed = true;
    this.#subscribers--;
    this.#turns.remove(subscriber);
    this.#index.unwatchAll(subscriber);
    subscriber.cancelQuestions();
    const { viewer } = subscriber;
    viewer.leave(subscriber);
    if (viewer.subscribers.size === 0 && this.#viewers.get(viewer.userId) === viewer)
      this.#viewers.delete(viewer.userId);
  }

  async #admit(subscriber: Subscriber, userIds: readonly string[], lookAgain: boolean): Promise<void> {
    const isTrusted = !lookAgain && this.#options.hears();
    // Watched before they are asked about: a change between the two comes by the feed.
    const users = userIds.map((userId) => this.#index.watch(subscriber, userId));
    const unknown = users.filter(({ dot }) => dot === undefined || !isTrusted);
    const question = this.#lookups.ask(unknown.map(({ userId }) => userId));
    subscriber.asked(question);
    // Who asks again is waiting, and may take silence for a dead connection: in an outage he is told what is known.
    await (lookAgain ? this.#within(patienceMs, question.done) : question.done);
    if (subscriber.isClosed) return;
    subscriber.arrived(users.filter(({ watchers }) => watchers.has(subscriber)));
    this.#turns.add(subscriber);
  }

  #within(limitMs: number, answer: Promise<void>): Promise<void> {
    const enough = new AbortController();
    void answer.then(() => enough.abort());
    return pause(this.#options.clock, limitMs, enough.signal);
  }

  #hide(subscriber: Subscriber, userIds: readonly string[]): void {
    this.#index.unwatch(subscriber, userIds);
    subscriber.hid(userIds);
    this.#turns.add(subscriber);
  }

  async #look(userIds: readonly string[]): Promise<void> {
    const held = new Map(userIds.map((userId) => [userId, this.#index.get(userId)?.dot]));
    const { dots, recovering } = await this.#presence.look(userIds);
    for (const dot of dots) {
      const known = this.#index.get(dot.userId)?.dot;
      // Who is absent while presence recovers may only not be back yet: the feed restates who is online.
      if (recovering && !dot.online && known?.online) continue;
      // Nothing was heard since the question, and yet the answer is older than what is known and differs: presence lost
      // what it said before. The versions of what it says next are higher again, those of this answer have to be.
      const isUnheard = known !== undefined && known === held.get(dot.userId);
      const isLost = isUnheard && dot.version < known.version && differ(known, dot);
      this.#learn(isLost ? { ...dot, version: known.version + 1 } : dot);
    }
  }

  /** The only place where a user's state changes: never to an older version. */
  #learn(dot: Dot): void {
    const user = this.#index.get(dot.userId);
    if (user === undefined) return;
    const before = user.dot;
    if (before !== undefined && dot.version < before.version) return;
    const isSame = before !== undefined && dot.version === before.version;
    // The same state; a look-up knows the devices besides, an event the cause.
    user.dot = isSame ? { ...before, devices: dot.devices ?? before.devices, cause: before.cause || dot.cause } : dot;
    const isChange = before === undefined || (!isSame && differ(before, dot));
    if (!isChange && !differInDevices(before, user.dot)) return;
    for (const subscriber of user.watchers) {
      if (isChange) subscriber.changed(user);
      else subscriber.changedDevices(user);
      if (subscriber.pending > 0) this.#turns.add(subscriber);
    }
  }
}

/** All that an event tells of devices: the first one came, or the last one left. */
function devicesAfter({ online, deviceId, cause }: PresenceUpdate): readonly string[] | undefined {
  if (!online) return [];
  return cause === connected && deviceId !== "" ? [deviceId] : undefined;
}

/** TRANSITION_CAUSE_CONNECTED */
const connected = 1;
