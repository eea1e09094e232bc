import type { UserStatus } from "@realchat/presence-client";
import type { AudienceChange } from "../../../audience/directory.ts";
import type { PolicyPatch } from "../../../privacy/policy.ts";

export const people = ["ann", "bob", "cleo", "dan", "eve"];

/** Who hides from everybody else. */
export const hider = "eve";

/** Whether the hider hides, or logs out instead and stays away. */
export type World = "hides" | "leaves";

export type Undated = AudienceChange extends infer Change
  ? Change extends unknown
    ? Omit<Change, "at">
    : never
  : never;

/** What happens around push. */
export type Event =
  | { readonly kind: "connect"; readonly user: string; readonly gateway?: number }
  | { readonly kind: "leave" | "hold" | "release"; readonly socket: number }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly socket: number; readonly users: readonly string[] }
  | { readonly kind: "relation"; readonly change: Undated }
  /** `told`: by the feed, `late`: when more has happened, `never`: lost, and noticed at the end. */
  | { readonly kind: "flip"; readonly user: string; readonly feed: "told" | "late" | "never" }
  | { readonly kind: "status"; readonly user: string; readonly status: Partial<UserStatus> }
  | { readonly kind: "policy"; readonly user: string; readonly patch: PolicyPatch }
  /**
   * The hider hides; in the other world it logs out at that moment, and stays away.
   * `late`: gateways are told at the end, or when the store loses data, if the hider was never here, and nothing is to be asked
   * of pairs when they find it
   */
  | { readonly kind: "hide"; readonly how: "invisible" | Restriction; readonly late: boolean }
  /** Who is invisible is so no more; in the other world it comes back at that moment, or when it is online next. */
  | { readonly kind: "show" }
  /** Another device of the user came or went. */
  | { readonly kind: "devices"; readonly user: string }
  | { readonly kind: "restart"; readonly gateway: number }
  | { readonly kind: "forget"; readonly user: string }
  /** The store loses data: all, or of each user the record, or what was written since an earlier state of it, or nothing. */
  | { readonly kind: "lose"; readonly kept: Kept }
  /** The store has recovered: it restates who is online, and the feed is told. Does nothing if it does not recover. */
  | { readonly kind: "recover" }
  /** A reader of the feed lags, and reads on; what was late is written then. */
  | { readonly kind: "lag"; readonly partition: number; readonly isOver: boolean }
  | { readonly kind: "gap" | "look-again" }
  | { readonly kind: "outage"; readonly of: "presence" | "directory" | "policies"; readonly isOver: boolean }
  | { readonly kind: "pass"; readonly ms: number };

/** What of a policy hides its user from some, or from everybody. */
export type Restriction = Pick<PolicyPatch, "online" | "show" | "hide">;

export type Kept = "nothing" | Readonly<Record<string, "nothing" | "older" | "all">>;
