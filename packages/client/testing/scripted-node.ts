import type { TestContext } from "node:test";
import type { presence } from "@realchat/presence-proto";
import { PresenceApiDefinition } from "@realchat/presence-proto/presence";
import {
  createRpcServer,
  type Handlers,
  Health,
  implement,
  RpcError,
  type RpcServerOptions,
} from "@realchat/presence-rpc";

type Script = Partial<Handlers<typeof presence.PresenceApiDefinition>>;

interface ScriptedNode {
  readonly address: string;
  setServing(serving: boolean): void;
  /** Ends all connections and stops listening. */
  stop(): Promise<void>;
}

/** A gRPC server on loopback that answers as a test tells it to; what the script leaves out is UNIMPLEMENTED. */
export async function scriptedNode(
  t: TestContext,
  script: Script,
  options: Omit<RpcServerOptions, "services"> & { host?: string; port?: number; withoutHealth?: boolean } = {},
): Promise<ScriptedNode> {
  const unscripted = () => {
    throw new RpcError("UNIMPLEMENTED", "not in this test's script");
  };
  const handlers: Handlers<typeof presence.PresenceApiDefinition> = {
    ...{ getPresence: unscripted, registerSession: unscripted, unregisterSession: unscripted },
    ...{ registerSessions: unscripted, unregisterSessions: unscripted },
    ...{ refreshSession: unscripted, getUserDevices: unscripted, refreshSessions: unscripted },
    ...{ batchGetUserDevices: unscripted, watchPresence: unscripted, watchDevices: unscripted },
    ...{ openLease: unscripted, keepLease: unscripted, closeLease: unscripted, watchLease: unscripted },
    ...{ listSessions: unscripted, closeSessions: unscripted, listLeases: unscripted },
    ...{ setStatus: unscripted, clearStatus: unscripted, getStatus: unscripted },
    ...{ setActivity: unscripted, shouldNotify: unscripted },
    ...script,
  };
  const health = new Health();
  health.set("", true);
  const { host = "127.0.0.1", port = 0, withoutHealth = false, ...rest } = options;
  const services = [implement(PresenceApiDefinition, handlers), ...(withoutHealth ? [] : [health.service])];
  const server = createRpcServer({ ...rest, services });
  const bound = await server.listen({ host, port });
  t.after(() => server.drain(0));
  return {
    address: `${host}:${bound}`,
    setServing: (serving) => health.set("", serving),
    stop: () => server.drain(0),
  };
}
