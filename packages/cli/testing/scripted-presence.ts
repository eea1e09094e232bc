import type { TestContext } from "node:test";
import { presence } from "@realchat/presence-proto";
import { createRpcServer, type Handlers, implement, RpcError, type RpcServerOptions } from "@realchat/presence-rpc";

type Script = Partial<Handlers<typeof presence.PresenceApiDefinition>>;

/**
 * A gRPC server that answers as a test tells it to; what the script leaves out is UNIMPLEMENTED.
 * @returns its address, on loopback
 */
export async function scriptedPresence(
  t: TestContext,
  script: Script,
  options: Omit<RpcServerOptions, "services"> = {},
): Promise<string> {
  const unscripted = () => {
    throw new RpcError("UNIMPLEMENTED", "not in this test's script");
  };
  const handlers: Handlers<typeof presence.PresenceApiDefinition> = {
    getPresence: unscripted,
    registerSession: unscripted,
    unregisterSession: unscripted,
    registerSessions: unscripted,
    unregisterSessions: unscripted,
    refreshSession: unscripted,
    getUserDevices: unscripted,
    refreshSessions: unscripted,
    batchGetUserDevices: unscripted,
    watchPresence: unscripted,
    watchDevices: unscripted,
    openLease: unscripted,
    keepLease: unscripted,
    closeLease: unscripted,
    watchLease: unscripted,
    listSessions: unscripted,
    closeSessions: unscripted,
    listLeases: unscripted,
    setStatus: unscripted,
    clearStatus: unscripted,
    getStatus: unscripted,
    setActivity: unscripted,
    shouldNotify: unscripted,
    ...script,
  };
  const server = createRpcServer({ ...options, services: [implement(presence.PresenceApiDefinition, handlers)] });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.drain(0));
  return `127.0.0.1:${port}`;
}
