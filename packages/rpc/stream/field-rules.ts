import type { HeaderField } from "../hpack/header-field.ts";

/**
 * What a field is to HTTP, worked out once for each field that a connection keeps: most requests repeat the fields of
 * the one before. Kinds from 16 on are the next layer's.
 */
export const fieldKinds = {
  REGULAR: 0,
  /** May not be in a request at all. */
  MALFORMED: 1,
  METHOD: 2,
  SCHEME: 3,
  AUTHORITY: 4,
  PATH: 5,
  CONTENT_LENGTH: 6,
  HOST: 7,
  TE: 8,
} as const;

/** A field name as RFC 9113 §8.2.1 has it: an RFC 9110 token without upper case. */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** What names are, as far as they are known: those that clients send come again and again. */
const nameKinds = new Map<string, number>([
  [":method", fieldKinds.METHOD],
  [":scheme", fieldKinds.SCHEME],
  [":authority", fieldKinds.AUTHORITY],
  [":path", fieldKinds.PATH],
  ["content-length", fieldKinds.CONTENT_LENGTH],
  ["host", fieldKinds.HOST],
  ["te", fieldKinds.TE],
  // Of a connection rather than a request (RFC 9113 §8.2.2).
  ...["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"].map(
    (name) => [name, fieldKinds.MALFORMED] as const,
  ),
]);
const nameKindsMax = 1_000;

/** What values have to be besides, by kind (RFC 9113 §8.2.2 and §8.3.1). */
const valueRules: Readonly<Record<number, RegExp>> = {
  [fieldKinds.METHOD]: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/,
  [fieldKinds.SCHEME]: /^[A-Za-z][A-Za-z0-9+\-.]*$/,
  [fieldKinds.AUTHORITY]: /^[^@]*$/,
  [fieldKinds.PATH]: /^(?:\/|\*$)/,
  [fieldKinds.CONTENT_LENGTH]: /^\d{1,15}$/,
  [fieldKinds.TE]: /^trailers$/,
};

/** Sets the kind of a field, and its meaning where there is one. */
export function classifyField(field: HeaderField): void {
  field.kind = kindOf(field.name, field.value);
  if (field.kind === fieldKinds.CONTENT_LENGTH) field.meaning = Number(field.value);
}

function kindOf(name: string, value: string): number {
  if (!isFieldValue(value)) return fieldKinds.MALFORMED;
  const kind = nameKinds.get(name) ?? learnName(name);
  const rule = valueRules[kind];
  return rule === undefined || rule.test(value) ? kind : fieldKinds.MALFORMED;
}

function learnName(name: string): number {
  const kind = fieldName.test(name) ? fieldKinds.REGULAR : fieldKinds.MALFORMED;
  if (nameKinds.size < nameKindsMax) nameKinds.set(name, kind);
  return kind;
}

/** No NUL, CR or LF anywhere, no space or tab at either end (RFC 9113 §8.2.1). */
function isFieldValue(value: string): boolean {
  if (value === "") return true;
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(value.length - 1);
  if (first === 0x20 || first === 0x09 || last === 0x20 || last === 0x09) return false;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code === 0x00 || code === 0x0a || code === 0x0d) return false;
  }
  return true;
}
