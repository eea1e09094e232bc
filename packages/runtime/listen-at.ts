import { type Address, showAddress } from "./settings/address.ts";

/**
 * Makes a server listen, and a refusal say which setting to change.
 * @returns the port that was bound
 */
export async function listenAt(
  setting: string,
  address: Address,
  listen: (address: Address) => Promise<number>,
): Promise<number> {
  try {
    return await listen(address);
  } catch (cause) {
    throw new Error(`${setting}=${showAddress(address)}: ${refusalOf(cause)}`, { cause });
  }
}

/** Codes of uv_bind, uv_listen and getaddrinfo. Source: https://docs.libuv.org/en/v1.x/errors.html */
const refusals: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there; stop it or choose another port",
  EADDRNOTAVAIL: "this machine has no such address; use one of its own, such as 127.0.0.1",
  ENOTFOUND: "this name has no address; use an address, such as 127.0.0.1",
  EACCES: "this user may not listen there; choose a port above 1023",
};

function refusalOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return refusals[codeOf(error)] ?? refusals[codeOf(error.cause)] ?? error.message;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
