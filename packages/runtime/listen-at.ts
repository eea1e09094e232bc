import { listeningError } from "./listening-error.ts";
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
    throw new Error(`${setting}=${showAddress(address)}: ${listeningError(cause)}`, { cause });
  }
}
