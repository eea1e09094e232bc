import type { X509Certificate } from "node:crypto";

/**
 * What a certificate says of its holder, the most telling first: `uri:spiffe://…`, `dns:…`, `cn:…`.
 * Source: RFC 5280 §4.2.1.6; the form of the text is Node's, with values that could be misread as JSON strings
 */
export function certificateIdentities(certificate: X509Certificate): string[] {
  const names = [...(certificate.subjectAltName ?? "").matchAll(alternativeName)].map(
    ([, kind = "", quoted, plain]) => ({
      kind,
      value: quoted === undefined ? (plain ?? "") : String(JSON.parse(quoted)),
    }),
  );
  const of = (wanted: string) => names.filter(({ kind }) => kind === wanted).map(({ value }) => value);
  return [
    ...of("URI").map((value) => `uri:${value}`),
    ...of("DNS").map((value) => `dns:${value}`),
    ...commonNames(certificate).map((value) => `cn:${value}`),
  ];
}

const alternativeName = /(?<=^|, )([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?=, |$)/g;

function commonNames(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject;
  return CN === undefined ? [] : [CN].flat();
}
