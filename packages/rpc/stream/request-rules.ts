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
  let isConnect = false;
  let host: string | undefined;
  let authority: string | undefined;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as HeaderField;
    const { kind, name, value } = field;
    if (kind >= fieldKinds.METHOD && kind <= fieldKinds.PATH) {
      if ((seen & (others | (1 << kind))) !== 0) throw malformed(`${name} twice, or after other fields`);
      seen |= 1 << kind;
      if (kind === fieldKinds.METHOD) isConnect = value === "CONNECT";
      else if (kind === fieldKinds.AUTHORITY) authority = value;
      continue;
    }
    seen |= others;
    if (kind === fieldKinds.MALFORMED) throw malformed(`field ${JSON.stringify(name.slice(0, 64))}`);
    if (kind === fieldKinds.HOST) host = value;
    if (kind === fieldKinds.CONTENT_LENGTH) {
      if (contentLength !== -1 && contentLength !== field.meaning) throw malformed("two content-lengths");
      contentLength = field.meaning as number;
    }
  }
  if (isConnect ? (seen & pseudo) !== ofConnect : (seen & required) !== required) {
    throw malformed(":method, :scheme or :path is missing, or not meant for CONNECT");
  }
  if (host !== undefined && authority !== undefined && host !== authority) throw malformed("host is not :authority");
  return contentLength;
}

/** @throws StreamError PROTOCOL_ERROR when the fields may not follow a request (§8.1) */
export function checkTrailers(fields: readonly HeaderField[]): void {
  for (const { kind, name } of fields) {
    if (kind >= fieldKinds.MALFORMED && kind <= fieldKinds.PATH) throw malformed(`${name} in trailers`);
  }
}

/** Bits of what was seen: one for each pseudo-field, and one for all else. */
const others = 1;
const required = (1 << fieldKinds.METHOD) | (1 << fieldKinds.SCHEME) | (1 << fieldKinds.PATH);
const pseudo = required | (1 << fieldKinds.AUTHORITY);
/** RFC 9113 §8.5. */
const ofConnect = (1 << fieldKinds.METHOD) | (1 << fieldKinds.AUTHORITY);

function malformed(what: string): StreamError {
  return new StreamError("PROTOCOL_ERROR", `malformed request: ${what}`);
}
