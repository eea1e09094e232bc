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
  } catch (error) {
    throw new Error(`cannot listen on ${setting}=${showAddress(address)}: ${reasonFor(error)}`, { cause: error });
  }
}

function reasonFor(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/EADDRINUSE/.test(text)) return "another process does already; stop it or choose another port";
  if (/EACCES/.test(text)) return "this user may not; choose a port above 1023";
  if (/EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN/.test(text)) return "this machine has no such address";
  return text;
}
