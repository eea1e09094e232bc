import { z } from "zod";
import { hidden, redactUrls } from "../redact.ts";
import type { ValueKind } from "./setting.ts";

/** A whole number. */
export function integer(range: { readonly min: number; readonly max: number }): ValueKind<number> {
  const right = `give a whole number from ${range.min} to ${range.max}`;
  const schema = z
    .string()
    .regex(/^-?\d+$/, { error: `is not a whole number: ${right}`, abort: true })
    .transform(Number)
    .pipe(z.number().min(range.min, `is too small: ${right}`).max(range.max, `is too large: ${right}`));
  return { placeholder: "number", schema, show: String };
}

/** A part of a whole. */
export const fraction: ValueKind<number> = {
  placeholder: "0…1",
  schema: z
    .string()
    .regex(/^(?:0|1|0?\.\d+|1\.0+)$/, "is no number from 0 to 1: give one, such as 0.01")
    .transform(Number),
  show: String,
};

/** `true` or `false`; as a flag also without a value. */
export const toggle: ValueKind<boolean> = {
  placeholder: "true|false",
  schema: z.stringbool({
    truthy: ["true", "1", "yes", "on"],
    falsy: ["false", "0", "no", "off"],
    error: "is neither true nor false: give one of them",
  }),
  show: String,
  isSwitch: true,
};

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[]): ValueKind<Word> {
  const schema = z.enum(words, { error: `is unknown: give ${inWords(words, "or")}` });
  return { placeholder: "word", choices: words, schema, show: (word) => word };
}

/** Values of one kind with commas between: at least one, none twice. */
export function listOf<T>(kind: ValueKind<T>): ValueKind<readonly T[]> {
  const schema = z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()))
    .refine((parts) => new Set(parts).size === parts.length, { error: "names one twice: give each once", abort: true })
    .pipe(z.array(kind.schema));
  return {
    ...(kind.choices && { choices: kind.choices }),
    placeholder: `${kind.placeholder},…`,
    schema,
    show: (values) => values.map((value) => kind.show(value)).join(","),
  };
}

/** Printable text of bounded length; with a pattern, only what matches it: `right` says what does. */
export function text(
  form: { maxBytes: number } & ({ pattern?: never } | { pattern: RegExp; right: string }),
): ValueKind<string> {
  const schema = z
    .string()
    .refine((value) => !/\p{Cc}/u.test(value), { error: "has control characters: give printable text", abort: true })
    .refine((value) => Buffer.byteLength(value) <= form.maxBytes, `is too long: give at most ${form.maxBytes} bytes`);
  const matching = form.pattern ? schema.regex(form.pattern, `has other characters: ${form.right}`) : schema;
  return { placeholder: "text", schema: matching, show: (value) => value };
}

/** `key=value` with commas between, percent-encoded. Source: https://www.w3.org/TR/baggage/#header-content */
export const keyValues: ValueKind<Readonly<Record<string, string>>> = {
  placeholder: "key=value,…",
  schema: z.string().transform((given, context) => {
    const pairs = given.split(",").map((pair) => pair.split("=").map((part) => decoded(part.trim())));
    if (pairs.every(([key, value, more]) => key && value !== undefined && more === undefined)) {
      return Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value]));
    }
    context.addIssue({ code: "custom", message: "is no list of values: give key=value,key=value, percent-encoded" });
    return z.NEVER;
  }),
  show: (pairs) =>
    Object.entries(pairs)
      .map((pair) => pair.map(encodeURIComponent).join("="))
      .join(","),
};

/** The same, and never shown. */
export const secretKeyValues: typeof keyValues = { ...keyValues, show: () => hidden, hide: () => hidden };

/** @returns undefined unless it is percent-encoded UTF-8 */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** Text that is never shown, whether right or wrong. */
export const secret: ValueKind<string> = {
  placeholder: "secret",
  schema: z.string(),
  show: () => hidden,
  hide: () => hidden,
};

/** What is sent as `authorization: Bearer …`, RFC 6750 §2.1; never shown. */
export const bearerToken: ValueKind<string> = {
  ...secret,
  schema: z.string().regex(/^[\w.~+/-]+=*$/, "has characters that no token has: give what the service was given"),
};

/** A URL with one of these schemes; its user and password are never shown. */
export function url(schemes: readonly string[]): ValueKind<URL> & { hide(text: string): string } {
  const forms = inWords(
    schemes.map((scheme) => `${scheme}://host:port`),
    "or",
  );
  const schema = z.string().transform((value, context) => {
    const parsed = URL.parse(value);
    if (parsed !== null && parsed.hostname !== "" && schemes.includes(parsed.protocol.slice(0, -1))) return parsed;
    context.addIssue({ code: "custom", message: `is no URL of this kind: give ${forms}` });
    return z.NEVER;
  });
  // A text that is no URL may hold a password anywhere before its last @.
  const hide = (value: string) => redactUrls(value).replace(/^(?![a-z][a-z0-9+.-]*:\/\/).*@/is, `${hidden}@`);
  return { placeholder: "url", schema, show: ({ href }) => redactUrls(href), hide };
}

/** ["a", "b", "c"] → `a, b or c`. */
function inWords(words: readonly string[], link: "or" | "and"): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${link} ${words.at(-1)}`;
}
