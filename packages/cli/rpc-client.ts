import {
  channelCredentials,
  GrpcChannel,
  type GrpcError,
  type PemTexts,
  type RpcClient,
  rpcClient,
  type ServiceDefinition,
} from "@realchat/presence-grpc";
import type { Clock } from "@realchat/presence-runtime/clock";
import { CliError } from "./cli-error.ts";
import { unreachable } from "./unreachable.ts";

export interface RpcConnection<Definition extends ServiceDefinition> {
  readonly api: RpcClient<Definition>;
  close(): void;
}

/**
 * A client of one service. Connects with the first call; a call on a broken connection fails at once. Every call
 * rejects with CliError: UNREACHABLE when no server answered, else the status that it answered with.
 * @param target `tls` undefined: no TLS
 */
export function connectRpc<Definition extends ServiceDefinition>(
  definition: Definition,
  { address, tls, token }: { address: string; tls: PemTexts | undefined; token?: string | undefined },
  clock: Clock,
): RpcConnection<Definition> {
  const isEncrypted = tls !== undefined;
  const errorOf = ({ code, message, cause }: GrpcError): CliError => {
    // Both codes come from the server, too; but then the connection stands.
    const mayBeLocal = code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED";
    if (!mayBeLocal || channel.isConnected) return new CliError(code, message, { cause });
    return new CliError("UNREACHABLE", unreachable(message, { address, isEncrypted }), { cause });
  };
  const channel = new GrpcChannel({
    address,
    credentials: channelCredentials(tls),
    token: () => token,
    clock,
    errorOf,
  });
  return { api: rpcClient(definition, channel), close: () => channel.close() };
}
