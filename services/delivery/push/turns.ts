import type { Pairs } from "./pairs.ts";
import { changeOf, type differ, differAtAll, type ShownUser } from "./shown-user.ts";
import type { Subscriber } from "./subscriber.ts";
import type { Viewer } from "./viewer.ts";
import type { WatchedUser } from "./watched-user.ts";

type User = WatchedUser<Subscriber>;

/** What was told of a user before. */
type Before = Pick<User, "told" | "guard"> & { readonly isHeld: boolean };

/** Puts sockets into a turn, where what their viewers are shown of a user has changed. */
export class Turns {
  readonly #write: (subscriber: Subscriber) => void;

  /** @param write something of what the socket waits for can be sent */
  constructor(write: (subscriber: Subscriber) => void) {
    this.#write = write;
  }

  /** Those that are shown something else than before, and no other. */
  add(user: User, before: Before, differs: typeof differ): void {
    const { told, guard } = user;
    const isForAll = before.guard === undefined && guard === undefined;
    const ofAll = isForAll ? changeOf(before.told, told, differs) : undefined;
    if (ofAll === "none" && !before.isHeld) return;
    for (const subscriber of user.watchers) {
      const change = ofAll ?? changeFor(subscriber, user, before, differs);
      if (change === "state") subscriber.addChanged(user);
      if (change === "devices") subscriber.addDeviceChange(user);
      if ((change !== "none" || before.isHeld) && subscriber.pending > 0) this.#write(subscriber);
    }
  }

  /** What is known of a pair changes, and with it what the viewer is shown. */
  answerForPair(user: User, pairs: Pairs, viewer: Viewer<Subscriber>, answer: () => boolean): void {
    const { told, guard } = user;
    const isKnown = pairs.of(viewer) !== undefined;
    const subscribers = viewer.subscribers.filter((subscriber) => user.watchers.has(subscriber));
    const shown = subscribers.map((subscriber) => shownTo({ told, guard }, subscriber));
    if (!answer() || guard?.pairs !== pairs) return;
    renew(user);
    user.guard = guard.telling(user.told, user.away?.told);
    for (const [index, subscriber] of subscribers.entries()) {
      const unjudged = pairs.takePutOff(subscriber);
      const before = unjudged === undefined ? shown[index] : unjudged.before;
      const isOfSnapshot = unjudged === undefined && !isKnown;
      if (!isOfSnapshot && changeOf(before, shownTo(user, subscriber), differAtAll) !== "none") {
        subscriber.addChanged(user);
      }
      if (subscriber.pending > 0) this.#write(subscriber);
    }
  }
}

/** Frames that are kept for other sockets are of the same object, and have an older version. */
export function renew(user: User): void {
  const { told, away } = user;
  if (told !== undefined) {
    user.told = { ...told };
    if (user.dot === told) user.dot = user.told;
  }
  if (away?.told !== undefined) {
    const isKnown = away.dot === away.told;
    away.told = { ...away.told };
    if (isKnown) away.dot = away.told;
  }
}

/**
 * A change for a viewer of whom it is not known what it may see is judged when that is. Who was never shown the user, though it
 * was told to others, has yet to be sent a snapshot.
 */
function changeFor(subscriber: Subscriber, user: User, before: Before, differs: typeof differ) {
  const was = shownTo(before, subscriber);
  const { guard } = user;
  if (guard === undefined || guard.isJudged(subscriber)) return changeOf(was, shownTo(user, subscriber), differs);
  const wasTold = before.guard === undefined ? before.told : before.guard.away;
  if (was !== undefined || wasTold === undefined) guard.pairs.putOff(subscriber, was);
  return "none";
}

function shownTo({ told, guard }: Pick<User, "told" | "guard">, subscriber: Subscriber): ShownUser | undefined {
  return guard === undefined ? told : guard.shownTo(subscriber);
}
