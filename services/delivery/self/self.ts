import type { Availability, UserStatus } from "@realchat/presence-client";
import type { Policy } from "../privacy/policy.ts";

/** The port to what users say of themselves, and are told of themselves, by all of their sockets. */
export interface Selves {
  /** From now on the socket is told what presence knows of its user. */
  connect(userId: string, sink: SelfSink): Self;
  readonly metrics: SelvesMetrics;
}

/** One socket's place among its user's. */
export interface Self {
  say(message: StatusMessage | PrivacyMessage): void;
  /** A message could not be read. */
  refuse(what: SelfMessage, why: string): void;
  close(): void;
}

/** The port to a socket. */
export interface SelfSink {
  /** Whether its protocol has frames for this. */
  readonly takesSelf: boolean;
  tellSelf(view: SelfView): void;
  /** @param why for people */
  tellRefused(what: SelfMessage, why: string): void;
}

/** The truth about a user, for the user's own devices. */
export interface SelfView {
  readonly status: UserStatus;
  /** undefined: not known yet. */
  readonly policy: Policy | undefined;
}

/** The types of messages about oneself. */
export type SelfMessage = "activity" | "status" | "privacy";

export interface PrivacyMessage {
  readonly kind: "privacy";
  /** What changes of the user's policy, as `policyPatch` reads it. */
  readonly content: object;
}

export interface StatusMessage {
  readonly kind: "status";
  /** undefined: it is cleared. */
  readonly claim:
    | {
        readonly availability: Availability | undefined;
        /** Empty: none. */
        readonly text: string;
        readonly emoji: string;
        /** Wall clock, ms; undefined: as long as may be. */
        readonly untilMs: number | undefined;
      }
    | undefined;
  /** How long ago that was said; undefined: now. */
  readonly ageMs: number | undefined;
}

/** Counters since the start, and gauges. */
export interface SelvesMetrics {
  /** Times that a socket was told of its user. */
  readonly told: number;
  /** Messages that were refused, by type. */
  readonly refusals: Readonly<Record<SelfMessage, number>>;
  /** Users who have sockets here, those of them whose policies are yet to be read, and of whom nothing is heard yet. */
  readonly bounds: Readonly<
    Record<"selves" | "selfPolicies" | "selfLookups", { readonly used: number; readonly limit: number }>
  >;
}
