import type { PemTexts, RpcClient } from "@realchat/presence-grpc";
import { presence } from "@realchat/presence-proto";
import type { Clock } from "@realchat/presence-runtime/clock";
import { isKeyOf, showAddress } from "@realchat/presence-runtime/settings";
import { CliError } from "./cli-error.ts";
import { connectRpc, type RpcConnection } from "./rpc-client.ts";
import type { SharedFlags } from "./shared-flags.ts";

export type PresenceApi = RpcClient<typeof presence.PresenceApiDefinition>;

/** @throws CliError USAGE when the certificates do not fit together */
export function connectPresence(
  flags: SharedFlags,
  clock: Clock,
): RpcConnection<typeof presence.PresenceApiDefinition> {
  const target = { address: showAddress(flags.addr), tls: tlsOf(flags), token: tokenOf(flags) };
  return connectRpc(presence.PresenceApiDefinition, target, clock);
}

function tokenOf({ token, "token-file": ofFile }: SharedFlags): string | undefined {
  if (token !== undefined && ofFile !== undefined) {
    throw new CliError(
      "USAGE",
      "both --token (PRESENCE_TOKEN) and --token-file (PRESENCE_TOKEN_FILE) are given: give one",
    );
  }
  return token ?? ofFile?.content;
}

function tlsOf({ tls, ca, cert, key }: SharedFlags): PemTexts | undefined {
  if (!tls && ca === undefined && cert === undefined && key === undefined) return undefined;
  if (cert === undefined && key !== undefined) throw new CliError("USAGE", "--key needs --cert beside it");
  if (cert !== undefined && key === undefined) throw new CliError("USAGE", "--cert needs --key beside it");
  if (cert !== undefined && key !== undefined && !isKeyOf(key, cert)) {
    throw new CliError("USAGE", `--key ${key.path} is not the key of --cert ${cert.path}`);
  }
  return { ca: ca?.pem, certificate: cert?.pem, key: key?.pem };
}
