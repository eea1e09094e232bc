import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A certificate and its private key, PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/**
 * A certificate authority made for one test, with a certificate for the server (localhost, 127.0.0.1, ::1) and one for
 * a client. Nothing is stored, so that no key lies about and none runs out.
 * @param of.clientNames what the client's carries besides its common name, such as `dns:a.example`, `uri:spiffe://a/b`
 */
export function issueCertificates({ clientNames = [] }: { clientNames?: readonly string[] } = {}): {
  ca: string;
  server: Issued;
  client: Issued;
} {
  const root = newParty("Test CA");
  return {
    ca: issue(root, root, [extension(basicConstraints, sequence(tlv(tag.boolean, Buffer.from([0xff]))))]).certificate,
    server: issue(root, newParty("Test server"), [extension(subjectAltName, sequence(...serverNames))]),
    client: issue(root, newParty("Test client"), alternativeNames(clientNames)),
  };
}

interface Party {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function newParty(name: string): Party {
  return { name, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
}

/** An X.509 certificate, RFC 5280 §4.1, written in DER. */
function issue(issuer: Party, subject: Party, extensions: Buffer[]): Issued {
  const version3 = tlv(tag.explicit0, integer(2));
  const publicKey = subject.publicKey.export({ type: "spki", format: "der" });
  const content = sequence(
    version3,
    integer(nextSerial++),
    ecdsaWithSha256,
    distinguishedName(issuer.name),
    validity,
    distinguishedName(subject.name),
    publicKey,
    ...(extensions.length > 0 ? [tlv(tag.explicit3, sequence(...extensions))] : []),
  );
  const signature = tlv(tag.bitString, Buffer.concat([Buffer.from([0]), sign("sha256", content, issuer.privateKey)]));
  return {
    certificate: pem("CERTIFICATE", sequence(content, ecdsaWithSha256, signature)),
    key: subject.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

let nextSerial = 1;

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  uri: 0x86,
  ipAddress: 0x87,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

/** DER wants every length in its shortest form. */
function tlv(type: number, content: Buffer): Buffer {
  const { length } = content;
  const header = [type, length];
  if (length > 0xff) header.splice(1, 1, 0x82, length >> 8, length & 0xff);
  else if (length > 0x7f) header.splice(1, 1, 0x81, length);
  return Buffer.concat([Buffer.from(header), content]);
}

function sequence(...items: Buffer[]): Buffer {
  return tlv(tag.sequence, Buffer.concat(items));
}

function integer(value: number): Buffer {
  return tlv(tag.integer, Buffer.from([value]));
}

function objectId(hex: string): Buffer {
  return tlv(tag.objectId, Buffer.from(hex, "hex"));
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectId("550403"), tlv(tag.utf8String, Buffer.from(commonName)));
  return sequence(tlv(tag.set, attribute));
}

function extension(id: Buffer, value: Buffer): Buffer {
  return sequence(id, tlv(tag.octetString, value));
}

function alternativeNames(names: readonly string[]): Buffer[] {
  if (names.length === 0) return [];
  const encoded = names.map((name) => {
    const [, kind, value = ""] = /^(dns|uri):(.*)$/.exec(name) ?? [];
    return tlv(kind === "dns" ? tag.dnsName : tag.uri, Buffer.from(value));
  });
  return [extension(subjectAltName, sequence(...encoded))];
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

const ecdsaWithSha256 = sequence(objectId("2a8648ce3d040302"));
const basicConstraints = objectId("551d13");
const subjectAltName = objectId("551d11");
const validity = sequence(
  tlv(tag.utcTime, Buffer.from("200101000000Z")),
  tlv(tag.generalizedTime, Buffer.from("21200101000000Z")),
);
const serverNames = [
  tlv(tag.dnsName, Buffer.from("localhost")),
  tlv(tag.ipAddress, Buffer.from([127, 0, 0, 1])),
  tlv(tag.ipAddress, Buffer.concat([Buffer.alloc(15), Buffer.from([1])])),
];
