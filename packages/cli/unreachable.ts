/** Why no call went through, and what to do about it, for the person who typed the command. */
export function unreachable(
  reason: string,
  { address, isEncrypted }: { address: string; isEncrypted: boolean },
): string {
  const found = causes.find(({ sign, encrypted }) => sign.test(reason) && (encrypted ?? isEncrypted) === isEncrypted);
  const { what, advice } = found ?? nobodyThere;
  return `${what} ${address} (${reason}): ${advice}`;
}

interface Cause {
  readonly sign: RegExp;
  /** Default: whether or not. */
  readonly encrypted?: boolean;
  readonly what: string;
  readonly advice: string;
}

const nobodyThere: Omit<Cause, "sign"> = {
  what: "no presence service answers at",
  advice: 'start one with "npm start", or say where it is with --addr or PRESENCE_ADDR',
};

const untrusted = "the certificate cannot be trusted at";

/** The words are those of Node, OpenSSL and grpc-js. The first that fits counts. */
const causes: readonly Cause[] = [
  {
    sign: /altname/i,
    what: untrusted,
    advice: "it names another host: give an --addr that it names",
  },
  {
    sign: /certificate has expired|certificate is not yet valid/,
    what: untrusted,
    advice: "have it renewed, or put this machine's clock right",
  },
  {
    sign: /unable to (?:verify|get)|self[- ]signed|certificate signature failure/,
    what: untrusted,
    advice: "give the authority that signed it with --ca",
  },
  {
    sign: /wrong version number|packet length too long|record layer failure/,
    what: "there is no TLS at",
    advice: "leave out --tls, --ca, --cert and --key, or say where presence is with --addr or PRESENCE_ADDR",
  },
  {
    sign: /alert|Failed to connect|ECONNRESET|EPIPE|socket hang up|disconnected before secure/i,
    encrypted: true,
    what: "no connection is granted at",
    advice: "it may want a certificate, signed by an authority that it knows: give one with --cert and --key",
  },
  {
    sign: /Protocol error|Failed to connect|ECONNRESET|EPIPE|socket hang up/i,
    encrypted: false,
    what: "no presence service speaks plain gRPC at",
    advice:
      "if it has TLS, give --tls, or --ca with the authority that signed its certificate; else say where presence is with --addr or PRESENCE_ADDR",
  },
];
