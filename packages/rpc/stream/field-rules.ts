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
} as const;

/** Pseudo-fields of a request, and what their values have to be (§8.3.1). */
const pseudoFields = new Map<string, { kind: number; rule: RegExp }>([
  [":method", { kind: fieldKinds.METHOD, rule: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ }],
  [":scheme", { kind: fieldKinds.SCHEME, rule: /^[A-Za-z][A-Za-z0-9+\-.]*$/ }],
  [":authority", { kind: fieldKinds.AUTHORITY, rule: /^[^@]*$/ }],
  [":path", { kind: fieldKinds.PATH, rule: /^(?:\/|\*$)/ }],
]);

/** Of a connection rather than a request (RFC 9113 §8.2.2). */
const connectionFields = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
/** A field name as RFC 9113 §8.2.1 has it: an RFC 9110 token without upper case. */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Sets the kind of a field, and its meaning where there is one. */
export function classifyField(field: HeaderField): void {
  field.kind = kindOf(field.name, field.value);
  if (field.kind === fieldKinds.CONTENT_LENGTH) field.meaning = Number(field.value);
}

function kindOf(name: string, value: string): number {
  if (!isFieldValue(value)) return fieldKinds.MALFORMED;
  if (name.startsWith(":")) return pseudoKindOf(name, value);
  if (!fieldName.test(name) || connectionFields.has(name)) return fieldKinds.MALFORMED;
  if (name === "te") return value === "trailers" ? fieldKinds.REGULAR : fieldKinds.MALFORMED;
  if (name === "host") return fieldKinds.HOST;
  if (name === "content-length") return /^\d{1,15}$/.test(value) ? fieldKinds.CONTENT_LENGTH : fieldKinds.MALFORMED;
  return fieldKinds.REGULAR;
}

function pseudoKindOf(name: string, value: string): number {
  const pseudo = pseudoFields.get(name);
  return pseudo?.rule.test(value) ? pseudo.kind : fieldKinds.MALFORMED;
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
