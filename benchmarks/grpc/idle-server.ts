import { presence } from "@realchat/presence-proto";
import { createRpcServer, implement } from "@realchat/presence-rpc";

/** A gRPC server on the same engine as presence that answers every heartbeat at once: what the engine alone costs. */

export interface Listening {
  readonly port: number;
}

export interface CpuAnswer {
  /** Of this process so far. */
  readonly cpuUs: number;
}

const { fullName, methods } = presence.PresenceApiDefinition;
const answer: presence.RefreshSessionResponse = { heartbeatInterval: { seconds: 20, nanos: 0 } };
const service = implement(
  { fullName, methods: { refreshSession: methods.refreshSession } },
  { refreshSession: () => answer },
);
const server = createRpcServer({ services: [service] });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system } satisfies CpuAnswer);
});
process.on("disconnect", () => process.exit());
process.send?.({ port: await server.listen({ host: "127.0.0.1", port: 0 }) } satisfies Listening);
