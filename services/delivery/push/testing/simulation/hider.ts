import { plainStatus } from "@realchat/presence-client";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { PolicyPatch } from "../../../privacy/policy.ts";
import type { TestPolicies } from "../test-policies.ts";
import { type Event, hider, type Kept, people, type Restriction, type World } from "./events.ts";
import type { SimulatedFeed } from "./simulated-feed.ts";
import { causes, offlineLike, type SimulatedPresence, statusSaying, type Truth } from "./simulated-presence.ts";

/** Within this all that is asked is answered, ms. */
const quietMs = 300;

interface HiderSurroundings {
  readonly clock: FakeClock;
  readonly presence: SimulatedPresence;
  readonly feed: SimulatedFeed;
  readonly policies: TestPolicies;
  /** undefined: nobody hides. */
  readonly world: World | undefined;
  /** Gateways hear that the hider's policy changed. */
  tellPolicy(): void;
  /** All comes to rest: what would be under way is one of many histories in either world. */
  rest(): Promise<void>;
}

/** Who hides in one world, and in the other logs out at that moment and stays away, with the same life in secret. */
export class Hider {
  readonly #surroundings: HiderSurroundings;
  /** Those who could not see since it hid whether it is online. */
  readonly unseeing = new Set(people.filter((user) => user !== hider));
  /** `ending`: it is visible again, and has yet to come online. */
  #hiding: "not" | "invisible" | "ending" | Restriction = "not";
  #hasHidden = false;
  /** What is true of it in its own world, while it is away in the other. */
  #secret: Pick<Truth, "online" | "status"> = { online: false, status: plainStatus(false) };
  #isUntold = false;

  constructor(surroundings: HiderSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Whether it is visible again, and has yet to come online. */
  get isComing(): boolean {
    return this.#hiding === "ending";
  }

  /** Whether no gateway has heard yet that it hides. */
  get isUntold(): boolean {
    return this.#isUntold;
  }

  /** Whether what it does now is for its own world alone. */
  get isSecret(): boolean {
    return this.#hiding !== "not" && this.#surroundings.world === "leaves";
  }

  async hide({ how, late }: Extract<Event, { kind: "hide" }>): Promise<void> {
    const { clock, presence, policies, world, rest } = this.#surroundings;
    if (this.#hiding !== "not" || presence.isRecovering || world === undefined) return;
    await rest();
    this.#hiding = how;
    this.#hasHidden = true;
    const { online, lastSeenMs, status } = presence.truthOf(hider);
    this.#secret = { online, status };
    policies.say(hider, how !== "invisible" ? how : world === "hides" ? { invisible: true } : {});
    this.relationsChanged();
    const asksForPairs = how !== "invisible" && how.online === "contacts";
    this.#isUntold = late && !asksForPairs && !online && lastSeenMs === 0 && status === plainStatus(false);
    if (!this.#isUntold) this.tellPolicy();
    if (world === "leaves" && online) this.#logOut();
    await clock.advance(quietMs);
  }

  async show(): Promise<void> {
    const { clock, presence, policies, world, rest } = this.#surroundings;
    if (this.#hiding !== "invisible" || presence.isRecovering || this.#isUntold) return;
    await rest();
    this.#hiding = "ending";
    policies.say(hider, world === "hides" ? { invisible: false } : {});
    this.tellPolicy();
    if (world === "leaves" ? this.#secret.online : presence.truthOf(hider).online) {
      this.#hiding = "not";
      if (world === "leaves") this.#comeAsOf(this.#secret);
    }
    await clock.advance(quietMs);
  }

  /** Who was visible again comes online. */
  async comeBack(): Promise<void> {
    const { clock, presence, world, rest } = this.#surroundings;
    await rest();
    this.#hiding = "not";
    const { status } = world === "leaves" ? this.#secret : presence.truthOf(hider);
    this.#comeAsOf({ status: statusSaying(true, status) });
    await clock.advance(quietMs);
  }

  flipInSecret(): void {
    const { online, status } = this.#secret;
    this.#secret = { online: !online, status: statusSaying(!online, status) };
  }

  changeInSecret(change: <T extends Pick<Truth, "online" | "status">>(of: T) => T): void {
    this.#secret = change(this.#secret);
  }

  /** Who hides from some goes on doing so: what follows when it does not is another history. */
  say(patch: PolicyPatch): void {
    if (this.#isUntold) return;
    const kept = typeof this.#hiding === "object" ? this.#hiding : {};
    this.#surroundings.policies.say(hider, { ...patch, ...kept });
    this.tellPolicy();
  }

  tellPolicy(): void {
    this.#isUntold = false;
    this.#surroundings.tellPolicy();
  }

  /** Who sees the hider goes and comes with it, and is told of two worlds. */
  relationsChanged(): void {
    if (typeof this.#hiding !== "object") return;
    const { online = "audience", show = new Set(), hide = new Set() } = this.#hiding;
    const { contacts } = this.#surroundings.policies;
    for (const user of this.unseeing) {
      const isInClass = online === "audience" || (online === "contacts" && contacts.has(`${hider} ${user}`));
      if (!hide.has(user) && (show.has(user) || isInClass)) this.unseeing.delete(user);
    }
  }

  /** What a store that loses data, but not all, keeps of it. */
  keptOf(kept: Exclude<Kept, "nothing">): "nothing" | "older" | "all" {
    // Of one who is away the store keeps what it has: that is a history, too.
    const isAway = this.isSecret || this.isComing;
    // An older state of the hider's would be another one in the other world.
    const isOther = kept[hider] === "older" && this.#hasHidden;
    return isAway || isOther ? "all" : (kept[hider] ?? "all");
  }

  #comeAsOf({ status }: Pick<Truth, "status">): void {
    const { presence, feed } = this.#surroundings;
    presence.write(hider, { online: true, status, lastSeenMs: 0, version: presence.nextVersion(hider) });
    feed.publish(presence.update(hider, causes.connected));
  }

  #logOut(): void {
    const { clock, presence, feed } = this.#surroundings;
    const lastSeenMs = Math.floor(clock.nowUs() / 1_000);
    const version = presence.nextVersion(hider);
    presence.write(hider, { ...offlineLike(presence.truthOf(hider)), version, lastSeenMs });
    feed.publish(presence.update(hider, causes.loggedOut));
  }
}
