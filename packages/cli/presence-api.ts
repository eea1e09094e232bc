import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { presence } from "@realchat/presence-proto";
import { type Clock, isKeyOf, showAddress } from "@realchat/presence-runtime";
import { CliError } from "./cli-error.ts";
import { connectRpc, type RpcClient, type RpcConnection } from "./rpc-client.ts";
import type { SharedFlags } from "./shared-flags.ts";

export type PresenceApi = RpcClient<typeof presence.PresenceApiDefinition>;

/** @throws CliError USAGE when the certificates do not fit together */
export function connectPresence(
  flags: SharedFlags,
  clock: Clock,
): RpcConnection<typeof presence.PresenceApiDefinition> {
  const target = { address: showAddress(flags.addr), credentials: credentialsOf(flags) };
  return connectRpc(presence.PresenceApiDefinition, target, clock);
}

function credentialsOf({ tls, ca, cert, key }: SharedFlags): ChannelCredentials {
  if (!tls && ca === undefined && cert === undefined && key === undefined) return credentials.createInsecure();
  if (cert === undefined && key !== undefined) throw new CliError("USAGE", "--key needs --cert beside it");
  if (cert !== undefined && key === undefined) throw new CliError("USAGE", "--cert needs --key beside it");
  if (cert !== undefined && key !== undefined && !isKeyOf(key, cert)) {
    throw new CliError("USAGE", `--key ${key.path} is not the key of --cert ${cert.path}`);
  }
  const bytes = (file: { pem: string } | undefined) => (file === undefined ? null : Buffer.from(file.pem));
  return credentials.createSsl(bytes(ca), bytes(key), bytes(cert));
}
