import fc from "fast-check";
import { type Availability, availabilities } from "../../../domain/status.ts";
import type { DisconnectReason } from "../../../domain/transition.ts";

/**
 * What a random run does, as plain data: fast-check shrinks it and prints it. `pick` chooses among the sessions that
 * the run has seen so far, 0 the newest.
 */
export type Command =
  | Register
  /** A late duplicate of an earlier register, 0 the newest. */
  | { kind: "repeat"; pick: number }
  | Unregister
  /** With a lease: it is verified. */
  | { kind: "refresh"; user: number; device: number; session: Pick; lease: Lease }
  | { kind: "activity"; user: number; device: number; session: Pick; idle: Idle; sequence: number }
  | Claim
  /** What was claimed of the user once, with the time at which that was said: 0 the last. */
  | { kind: "sayAgain"; user: number; pick: number }
  | { kind: "unclaim"; user: number; claim: number; isEarlier: boolean }
  | OpenLease
  | { kind: "keepLease"; lease: number }
  | { kind: "closeLease"; lease: number; reason: DisconnectReason }
  | Close
  | { kind: "elapse"; ms: number }
  | { kind: "freeze"; ms: number }
  /** Time passes, and the wall clock is stepped back by as much. */
  | { kind: "stepBack"; ms: number }
  | Loss
  /** Carried out later than it may count, as only a store behind a network does. */
  | { kind: "late"; call: Register | Unregister | OpenLease };

interface Register {
  kind: "register";
  user: number;
  device: number;
  gateway: number;
  connection: Connection;
  previous: Pick;
  /** How many ages ago the client was there: all of one came before all of none. */
  ages: number;
  lease: Lease;
  idle: Idle;
}

interface Claim {
  kind: "claim";
  user: number;
  /** 0: the user's own. */
  claim: number;
  availability: Availability;
  /** Empty: none. */
  text: string;
  /** When it ends; 0: nothing is said of that. */
  forMs: number;
  /** Whether it was said long before all that is said now. */
  isEarlier: boolean;
}

interface Unregister {
  kind: "unregister";
  user: number;
  device: number;
  session: Pick;
  reason: DisconnectReason;
}

interface OpenLease {
  kind: "openLease";
  lease: number;
}

/** An operator closes a user, a device or a session; `blockMs` 0: and blocks nothing. */
interface Close {
  kind: "close";
  user: number;
  device: number;
  what: "user" | "device" | "session";
  session: Pick;
  blockMs: number;
}

/** What befalls a store that can lose data. */
type Loss =
  /** A replica, or a snapshot, has what the store has now; before the first, it has nothing. */
  | { kind: "copy" }
  /** `isUnread`: nobody reads or ticks before the next command. */
  | { kind: "flush"; isUnread: boolean }
  /** Another server answers, with what it was copied; or the same one again, after another that was ahead. */
  | { kind: "setBack"; by: "another server" | "the same server" }
  /** Another server answers, with all data. */
  | { kind: "failOver" };

/** Its own name, none as legacy callers, or that of an earlier session of this device. */
export type Connection = "new" | "none" | { readonly pick: number };
/** Number of a lease; only calls with a connection are under one. */
export type Lease = "none" | number;
/** Whether a session says that its device is in use, or has not been for too short or long enough to be idle. */
export type Idle = "unsaid" | "used" | "short" | "long";
export type Pick = "none" | { readonly pick: number };

/** Elapsed times are whole seconds, so that deadlines half a second off are never met by a hair. */
const secondMs = 1_000;

const user = fc.nat(1);
const device = fc.nat(2);
const gateway = fc.nat(1);
const picked = fc.record({ pick: fc.oneof(fc.constant(0), fc.nat(5)) });
const session: fc.Arbitrary<Pick> = fc.oneof(fc.constant("none" as const), picked);
const connection: fc.Arbitrary<Connection> = fc.oneof(
  fc.constant("none" as const),
  fc.constant("new" as const),
  picked,
);
const previous: fc.Arbitrary<Pick> = fc.oneof({ weight: 2, arbitrary: fc.constant("none" as const) }, session);
const ages = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(2));
const lease = fc.nat(1);
const underLease: fc.Arbitrary<Lease> = fc.oneof({ weight: 3, arbitrary: fc.constant("none" as const) }, lease);
const reason = fc.constantFrom<DisconnectReason>("UNSPECIFIED", "LOGGED_OUT", "CONNECTION_LOST", "SERVER_DRAIN");

const idle = fc.constantFrom<Idle>("used", "short", "long", "long");
const firstIdle = fc.oneof({ weight: 4, arbitrary: fc.constant<Idle>("unsaid") }, idle);

const register = fc.record({
  kind: fc.constant("register" as const),
  ...{ user, device, gateway, connection, previous, ages, lease: underLease, idle: firstIdle },
});
const unregister = fc.record({ kind: fc.constant("unregister" as const), user, device, session, reason });
const openLease = fc.record({ kind: fc.constant("openLease" as const), lease });

const commands: fc.WeightedArbitrary<Command>[] = [
  { weight: 5, arbitrary: register },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("repeat" as const), pick: fc.nat(5) }) },
  { weight: 3, arbitrary: unregister },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("refresh" as const), user, device, session, lease: underLease }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ kind: fc.constant("activity" as const), user, device, session: picked, idle },
      sequence: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...{ kind: fc.constant("claim" as const), user, claim: fc.nat(2) },
      availability: fc.constantFrom(...availabilities),
      text: fc.constantFrom("", "lunch", "review"),
      forMs: fc.constantFrom(0, 4_500, 25_500, 40_000_500),
      isEarlier: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sayAgain" as const), user, pick: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("unclaim" as const), user, claim: fc.nat(2), isEarlier: fc.boolean() }),
  },
  { weight: 2, arbitrary: openLease },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("keepLease" as const), lease }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("closeLease" as const), lease, reason }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ kind: fc.constant("close" as const), user, device, session },
      what: fc.constantFrom("user" as const, "device" as const, "session" as const),
      blockMs: fc.constantFrom(0, 0, 4_500, 20_500),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("elapse" as const),
      ms: fc.constantFrom(1, 2, 3, 4, 5, 10, 18, 21, 46).map((seconds) => seconds * secondMs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("freeze" as const), ms: fc.constantFrom(30_000, 3_600_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("stepBack" as const), ms: fc.constantFrom(5_000, 3_600_000) }),
  },
];

const mishaps: fc.WeightedArbitrary<Command>[] = [
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("late" as const), call: fc.oneof(register, unregister, openLease) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("copy" as const) }) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({ kind: fc.constant("flush" as const), isUnread: fc.boolean() }),
      fc.record({
        kind: fc.constant("setBack" as const),
        by: fc.constantFrom("another server" as const, "the same server" as const),
      }),
      fc.record({ kind: fc.constant("failOver" as const) }),
    ),
  },
];

/** Random runs of `length` commands at most. */
export function commandRuns(length: number): fc.Arbitrary<Command[]> {
  return runsOf(commands, length);
}

/** As above, of a store that loses data, and that commands reach late. */
export function lossyRuns(length: number): fc.Arbitrary<Command[]> {
  return runsOf([...commands, ...mishaps], length);
}

function runsOf(choices: readonly fc.WeightedArbitrary<Command>[], length: number): fc.Arbitrary<Command[]> {
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: length, size: "max" });
}
