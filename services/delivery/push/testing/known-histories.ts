import { type Event, hider, people } from "./simulation/events.ts";

const meets = (...participants: string[]): Event => ({
  kind: "relation",
  change: { kind: "conversation", conversationId: "hall", participants },
});
const hall = meets(...people);
const changesDevices: Event = { kind: "devices", user: hider };
const comesOrGoes: Event = { kind: "flip", user: hider, feed: "told" };
const comesOrGoesToo = (user: string): Event => ({ kind: "flip", user, feed: "told" });
const comesLate: Event = { kind: "flip", user: hider, feed: "late" };
const comesLateToo = (user: string): Event => ({ kind: "flip", user, feed: "late" });
const comesUnheard: Event = { kind: "flip", user: hider, feed: "never" };
const hidesUnheard: Event = { kind: "hide", how: "invisible", late: true };
const hides: Event = { kind: "hide", how: "invisible", late: false };
const hidesFromAllBut = (user: string): Event => ({
  kind: "hide",
  how: { online: "nobody", show: new Set([user]) },
  late: false,
});
const hidesFromAllButContacts: Event = { kind: "hide", how: { online: "contacts", show: new Set() }, late: false };
const inRoom = (...participants: string[]): Event => ({
  kind: "relation",
  change: { kind: "conversation", conversationId: "room", participants },
});
const recovers: Event = { kind: "recover" };
const pass = (ms: number): Event => ({ kind: "pass", ms });
const looks = (user: string, gateway: number): Event => ({ kind: "connect", user, gateway });
const says = (text: string): Event => ({ kind: "status", user: hider, status: { text } });
const lags = (partition: number): Event => ({ kind: "lag", partition, isOver: false });
const readsOn = (partition: number): Event => ({ kind: "lag", partition, isOver: true });
const restarts = (gateway: number): Event => ({ kind: "restart", gateway });
const showsOnline = (online: "audience" | "nobody"): Event => ({ kind: "policy", user: hider, patch: { online } });
const showsItself: Event = { kind: "show" };
const looksAgain: Event = { kind: "gap" };
const hidesFrom = (user: string, viewer: string): Event => ({
  kind: "policy",
  user,
  patch: { hide: new Set([viewer]) },
});
const fails = (of: "presence" | "policies"): Event => ({ kind: "outage", of, isOver: false });
const asksFor = (socket: number, user: string): Event => ({ kind: "subscribe", socket, users: [user] });
const losesAll: Event = { kind: "lose", kept: "nothing" };
const losesNothing: Event = { kind: "lose", kept: Object.fromEntries(people.map((user) => [user, "all"])) };

/** Everybody sees each other, ann looks at one gateway and bob at another, and the hider comes. */
const beginning = [hall, looks("ann", 0), looks("bob", 1), pass(200), comesOrGoes, pass(200)];

/** Each kind of difference that was found between the two worlds, in its shortest history. */
export const knownHistories: Readonly<Record<string, readonly Event[]>> = {
  "comes and goes at a gateway that was restarted while presence recovers, and sockets open": [
    ...[...beginning, hides, losesAll, restarts(0), looks("ann", 0), pass(100)],
    ...[comesOrGoes, pass(4), looks("cleo", 0), pass(100), comesOrGoes, comesOrGoes, looks("dan", 0), pass(100)],
    ...[recovers, pass(2_000)],
  ],
  "was last seen before a loss, of which presence kept what it knew": [
    ...[...beginning, says("lunch"), pass(100), hides, losesNothing, recovers, pass(2_000)],
    ...[looks("cleo", 0), looks("dan", 2), pass(500)],
  ],
  "was last seen before presence lost all, which a gateway that starts at that moment reads": [
    ...[...beginning, says("lunch"), pass(100), hides, losesAll, recovers, restarts(0)],
    ...[looks("cleo", 0), pass(2_000)],
  ],
  "was last seen before a loss, of which gateways do not hear, and look again": [
    ...[...beginning, hides, lags(0), lags(1)],
    ...[losesAll, recovers, pass(2_000), looksAgain, pass(500), looks("cleo", 0), pass(500)],
  ],
  "comes and goes before gateways hear that it hides": [
    ...[hall, hidesUnheard, pass(2_000), comesOrGoes, pass(100), comesOrGoes],
    ...[looks("ann", 0), pass(500)],
  ],
  "shows itself, comes and leaves while nobody looks": [
    ...[hall, comesOrGoes, hides, showsItself, pass(1_000), comesOrGoes, pass(1_000), looks("ann", 0), pass(500)],
  ],
  "shows itself to nobody, comes, and shows itself": [
    ...[hall, looks("ann", 0), showsOnline("nobody"), hides, showsItself, comesOrGoes, pass(200)],
    ...[showsOnline("audience"), pass(500)],
  ],
  "shows itself and hides again while nobody looks": [
    ...[hall, comesOrGoes, hides, showsItself, pass(1_000), hides, pass(1_000), looks("ann", 0), pass(500)],
  ],
  "is online again at a gateway that was restarted while presence recovers": [
    ...[...beginning, hides, losesAll, restarts(0), comesOrGoes, comesOrGoes, looks("ann", 0), pass(200)],
    ...[recovers, pass(3_000)],
  ],
  "is known by one partition, of which a loss is told before the others": [
    ...[...beginning, says("lunch"), pass(100), hides, restarts(0), looks("ann", 0), pass(200), comesOrGoes, lags(1)],
    ...[losesNothing, pass(100), recovers, pass(2_000), looksAgain, pass(500), readsOn(1), pass(2_000)],
  ],
  "is known before its policy, which cannot be read until presence has recovered": [
    ...[hall, pass(80), hides, losesAll, fails("policies"), looks("ann", 0), pass(1_700)],
  ],
  "shows itself, comes and hides again while nobody looks": [
    ...[hall, comesOrGoes, comesOrGoes, hides, showsItself, comesOrGoes, hides, looks("ann", 0), pass(500)],
  ],
  "comes, and a device changes, before it is looked up while presence recovers": [
    ...[looks("ann", 0), hides, meets(hider, "ann", "cleo"), losesNothing, pass(10), comesOrGoes, changesDevices],
  ],
  "shows itself online, of which a status told before its coming was known": [
    ...[hall, looks("cleo", 0), hides, comesLate, says("lunch"), showsItself],
  ],
  "is found to have come, before gateways hear that it hides, when dots are no longer stale": [
    ...[hall, looks("ann", 1), hidesUnheard, comesUnheard, fails("presence"), pass(8_000)],
  ],
  "shows itself to contacts, and is restated when others wait for who is away": [
    ...[comesOrGoes, hidesFromAllButContacts, inRoom("cleo", hider), comesOrGoesToo("ann")],
    ...[looks("bob", 1), meets("bob", "dan"), losesAll, looks("cleo", 1), inRoom("ann"), meets("ann", hider), pass(15)],
  ],
  "is looked up for those who may see it, while others wait for a look-up": [
    ...[hall, looks("ann", 0), comesOrGoes, comesOrGoes, hidesFromAllBut("bob"), comesOrGoes],
    ...[asksFor(0, hider), pass(10), changesDevices],
  ],
  "is looked up once presence has recovered, as is another one who hides from some": [
    ...[hall, looks("cleo", 0), hidesFrom("ann", "dan"), pass(4), hides, comesLateToo("ann"), comesUnheard, losesAll],
  ],
  "comes, and a device changes, before gateways hear that it hides, and somebody else looks": [
    ...[hall, looks("ann", 0), hidesUnheard, comesOrGoes, changesDevices, looks("cleo", 0)],
  ],
  "says something while it is looked up for the first time": [
    ...[hall, looks("ann", 0), comesOrGoes, pass(90), says("lunch"), hides],
  ],
};
