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
} as const;

const pseudoFields: Readonly<Record<string, number>> = {
  ":method": fieldKinds.METHOD,
  ":scheme": fieldKinds.SCHEME,
  ":authority": fieldKinds.AUTHORITY,
  ":path": fieldKinds.PATH,
};

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
  if (name.startsWith(":")) return pseudoFields[name] ?? fieldKinds.MALFORMED;
  if (!fieldName.test(name) || connectionFields.has(name)) return fieldKinds.MALFORMED;
  if (name === "te") return value === "trailers" ? fieldKinds.REGULAR : fieldKinds.MALFORMED;
  if (name === "content-length") return /^\d{1,15}$/.test(value) ? fieldKinds.CONTENT_LENGTH : fieldKinds.MALFORMED;
  return fieldKinds.REGULAR;
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
