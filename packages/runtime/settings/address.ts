import { BlockList, isIPv4, isIPv6 } from "node:net";
import { z } from "zod";
import type { ValueKind } from "./setting.ts";

export interface Address {
  /** Name or IP address, an IPv6 one without brackets; of a listener also empty: all interfaces. */
  readonly host: string;
  readonly port: number;
}

/** Where to listen: `host:port`; `:port` or `port` for all interfaces. Port 0: any free one. */
export const listenAddress: ValueKind<Address> = {
  placeholder: "host:port",
  schema: addressSchema({
    defaultHost: "",
    minPort: 0,
    right: "give host:port, :port, port or [IPv6]:port, such as 127.0.0.1:50056",
  }),
  show: showAddress,
};

/** Where a peer listens: `host:port`. */
export const peerAddress: ValueKind<Address> = {
  placeholder: "host:port",
  schema: addressSchema({ minPort: 1, right: "give host:port or [IPv6]:port" }),
  show: showAddress,
};

/** A peer whose name may have several addresses, also as gRPC writes it: `dns:///host:port`. */
export const grpcPeer: ValueKind<Address> = {
  placeholder: "host:port",
  schema: z
    .string()
    .transform((text) => text.replace(/^dns:(\/\/\/)?/, ""))
    .pipe(peerAddress.schema),
  show: showAddress,
};

export function showAddress({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** Whether only this machine can reach what listens there. A name other than localhost may be anything. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return loopback.check(host, "ipv4");
  if (isIPv6(host)) return loopback.check(host, "ipv6");
  return host.toLowerCase() === "localhost";
}

// RFC 1122 §3.2.1.3 (127.0.0.0/8), RFC 4291 §2.5.3 (::1). The list knows IPv4-mapped IPv6 addresses by itself.
const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function addressSchema(form: { defaultHost?: string; minPort: number; right: string }): z.ZodType<Address, string> {
  return z.string().transform((text, context) => {
    const wrong = (why: string) => {
      context.addIssue({ code: "custom", message: `${why}: ${form.right}` });
      return z.NEVER;
    };
    const { bracketed, name, digits } =
      /^(?:(?:\[(?<bracketed>.*)\]|(?<name>[^:]*)):)?(?<digits>\d+)$/.exec(text)?.groups ?? {};
    if (digits === undefined) return wrong("is not an address");
    if (bracketed !== undefined && !isIPv6(bracketed)) return wrong("has no IPv6 address in its brackets");
    // RFC 1123 §2.1; underscores are not in it, but container networks use them.
    if (name && !/^[a-z0-9_.-]+$/i.test(name)) return wrong("has no valid host");
    const host = bracketed || name || form.defaultHost;
    if (host === undefined) return wrong("has no host");
    const port = Number(digits);
    if (port < form.minPort || port > 65_535) return wrong(`has the port ${digits}, outside ${form.minPort} to 65535`);
    return { host, port };
  });
}
