/**
 * The part of grpc-js's explanation, and of OpenSSL's, that tells a person something.
 * @param details of a status; what a server wrote comes back as it is
 */
export function reasonOf(details: string): string {
  const last = /Last error: (?:Error: )?(.*?)(?:\s*\. Resolution note:.*)?$/s.exec(details)?.[1];
  const ofOpenSsl = /:SSL routines:[^:]*:([^:]+):/.exec(last ?? details)?.[1];
  if (ofOpenSsl !== undefined) return ofOpenSsl;
  if (last === undefined) return details;
  return last
    .replace(/^(?:Error )?\[\w+\]: /, "")
    .replace(/; if the root CA is installed locally.*$/, "")
    .replace(/ ?\(\d{4}-\d\d-\d\dT[^)]*\)/, "")
    .replace(/[\s:]+$/, "");
}
