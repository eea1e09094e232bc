import { idMaxBytes, wrongWithId } from "@realchat/presence-runtime";
import { PrivacyError } from "./privacy-error.ts";

/** What a user lets others see. Immutable. */
export interface Policy extends Readonly<Record<Field, Viewers>> {
  /** Offline to everybody, since the moment of hiding. */
  readonly invisible: boolean;
  /** Each field is shown only to those who show the same field of theirs. */
  readonly reciprocal: boolean;
  /** Users who are shown everything, whatever the fields say. */
  readonly show: ReadonlySet<string>;
  /** Users who are shown nothing, whatever else is said. */
  readonly hide: ReadonlySet<string>;
}

/** What of a user is shown, or not. Who is not shown `online` is shown nothing else. */
export type Field = (typeof fields)[number];
export const fields = ["online", "lastSeen", "status", "devices"] as const;

/** To whom: all of the audience, those of it whom the user has as contacts, or nobody. */
export type Viewers = (typeof viewers)[number];
const viewers = ["audience", "contacts", "nobody"] as const;

/** What changes of a policy; all else stays. */
export type PolicyPatch = Partial<Policy>;

/** Ids in `show` and in `hide`, each. */
export const exceptionsMax = 1_000;

const nobodyExcepted: ReadonlySet<string> = new Set();

/** Of a user who said nothing. */
export const everything: Policy = Object.freeze({
  ...{ invisible: false, reciprocal: false, show: nobodyExcepted, hide: nobodyExcepted },
  ...everyField("audience"),
});

/** Of a user whose policy cannot be read: it hides the user, whatever an organisation allows. */
export const nothing: Policy = Object.freeze({ ...everything, invisible: true, ...everyField("nobody") });

function everyField(to: Viewers): Record<Field, Viewers> {
  return { online: to, lastSeen: to, status: to, devices: to };
}

/**
 * The policy in a record, such as `{"invisible":false,"lastSeen":"contacts","except":{"show":["bob"],"hide":[]}}`. What is
 * absent is as in `everything`; what is unknown is taken for what hides most.
 * @returns `nothing` when it cannot be read
 */
export function parsePolicy(text: string): Policy {
  try {
    return merge(everything, readFields(JSON.parse(text), hidden));
  } catch {
    return nothing;
  }
}

/**
 * What somebody wants to change, in the same form; other members are passed over.
 * @param content of JSON
 * @throws PrivacyError INVALID naming the member and what it may be
 */
export function policyPatch(content: unknown): PolicyPatch {
  return readFields(content, refused);
}

export function merge(policy: Policy, patch: PolicyPatch): Policy {
  return Object.freeze({ ...policy, ...patch });
}

/** The whole policy as `parsePolicy` reads it; equal policies have equal texts. */
export function serialise({ show, hide, ...policy }: Policy): string {
  const { invisible, online, lastSeen, status, devices, reciprocal } = policy;
  const except = { show: [...show].sort(), hide: [...hide].sort() };
  return JSON.stringify({ invisible, online, lastSeen, status, devices, reciprocal, except });
}

/** As the directory stores it: the default is stored as nothing. */
export function storedPolicy(policy: Policy): string {
  const text = serialise(policy);
  return text === defaultText ? "" : text;
}

/** @param text see storedPolicy */
export function policyStored(text: string): Policy {
  return text === "" ? everything : parsePolicy(text);
}

const defaultText = serialise(everything);

/** What is made of a value that is none of those allowed. @throws PrivacyError where nothing may be */
type OnUnknown = <T>(what: string, hides: T) => T;

const hidden: OnUnknown = (_, hides) => hides;
const refused: OnUnknown = (what) => {
  throw invalid(what);
};

function readFields(content: unknown, onUnknown: OnUnknown): PolicyPatch {
  const members = membersOf(content, "the policy");
  const patch: { -readonly [Name in keyof Policy]?: Policy[Name] } = {};
  for (const name of ["invisible", "reciprocal"] as const) {
    const value = members[name];
    if (value === undefined) continue;
    patch[name] = typeof value === "boolean" ? value : onUnknown(`${name} is neither true nor false`, true);
  }
  for (const name of fields) {
    const value = members[name];
    if (value === undefined) continue;
    const known = viewers.find((one) => one === value);
    patch[name] = known ?? onUnknown(`${name} is none of ${viewers.join(", ")}`, "nobody");
  }
  if (members.except === undefined) return patch;
  const except = membersOf(members.except, "except");
  for (const name of ["show", "hide"] as const) {
    if (except[name] !== undefined) patch[name] = idsIn(except[name], `except.${name}`);
  }
  return patch;
}

/** Whom an unreadable list means is unknown: there is no reading it that hides. @throws PrivacyError */
function idsIn(list: unknown, name: string): ReadonlySet<string> {
  if (!Array.isArray(list)) throw invalid(`${name} is not a list of ids`);
  if (list.length > exceptionsMax) throw invalid(`${name} has ${list.length} ids, limit ${exceptionsMax}`);
  for (const [index, id] of list.entries()) {
    const wrong = wrongWithId(id);
    if (wrong !== undefined) throw invalid(`${name}[${index}] ${wrong}: give 1 to ${idMaxBytes} bytes`);
  }
  return list.length === 0 ? nobodyExcepted : new Set<string>(list);
}

function membersOf(content: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof content !== "object" || content === null || Array.isArray(content)) throw invalid(`${name} is no object`);
  return content as Readonly<Record<string, unknown>>;
}

function invalid(what: string): PrivacyError {
  return new PrivacyError("INVALID", what);
}
