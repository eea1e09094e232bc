import { StreamError } from "../connection/stream-end.ts";
import type { HeaderField } from "../hpack/header-field.ts";
import { fieldKinds } from "./field-rules.ts";

/**
 * Checks the fields that open a request against RFC 9113 §8.2 and §8.3.
 * @returns its content-length, -1 when it has none
 * @throws StreamError PROTOCOL_ERROR when the request is malformed
 */
export function checkRequest(fields: readonly HeaderField[]): number {
  let seen = 0;
  let contentLength = -1;
  let isPastPseudo = false;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as HeaderField;
    switch (field.kind) {
      case fieldKinds.MALFORMED:
        throw malformed(`field ${JSON.stringify(field.name.slice(0, 64))}`);
      case fieldKinds.METHOD:
      case fieldKinds.SCHEME:
      case fieldKinds.AUTHORITY:
      case fieldKinds.PATH: {
        const bit = 1 << field.kind;
        if (isPastPseudo || (seen & bit) !== 0) throw malformed(`${field.name} twice, or after other fields`);
        if (field.kind === fieldKinds.PATH && field.value === "") throw malformed("an empty :path");
        seen |= bit;
        break;
      }
      case fieldKinds.CONTENT_LENGTH:
        if (contentLength !== -1 && contentLength !== field.meaning) throw malformed("two content-lengths");
        contentLength = field.meaning as number;
        isPastPseudo = true;
        break;
      default:
        isPastPseudo = true;
    }
  }
  if ((seen & required) !== required) throw malformed(":method, :scheme or :path is missing");
  return contentLength;
}

/** @throws StreamError PROTOCOL_ERROR when the fields may not follow a request (§8.1) */
export function checkTrailers(fields: readonly HeaderField[]): void {
  for (const { kind, name } of fields) {
    if (kind >= fieldKinds.MALFORMED && kind <= fieldKinds.PATH) throw malformed(`${name} in trailers`);
  }
}

const required = (1 << fieldKinds.METHOD) | (1 << fieldKinds.SCHEME) | (1 << fieldKinds.PATH);

function malformed(what: string): StreamError {
  return new StreamError("PROTOCOL_ERROR", `malformed request: ${what}`);
}
