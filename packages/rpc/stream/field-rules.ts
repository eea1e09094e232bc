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

/** Sets the kind of a field, and its meaning where there is one. Blanks around a value are no part of it. */
export function classifyField(field: HeaderField): void {
  // Pseudo-fields take the place of a start line, where blanks separate.
  if (field.name.charCodeAt(0) !== colon) field.value = withoutBlanksAround(field.value);
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

/**
 * RFC 9113 §8.2.1 calls a request with such a field malformed. gRPC says that they may be stripped, as other
 * servers do. Source: gRPC over HTTP2, ASCII-Value; RFC 9110 §5.5.
 */
function withoutBlanksAround(value: string): string {
  if (!isBlank(value, 0) && !isBlank(value, value.length - 1)) return value;
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value, start)) start++;
  while (end > start && isBlank(value, end - 1)) end--;
  return value.slice(start, end);
}

const colon = 0x3a;

/** Space or tab; false beyond the text. */
function isBlank(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}

/** No NUL, CR or LF anywhere, no space or tab at either end. */
function isFieldValue(value: string): boolean {
  if (isBlank(value, 0) || isBlank(value, value.length - 1)) return false;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code === 0x00 || code === 0x0a || code === 0x0d) return false;
  }
  return true;
}
