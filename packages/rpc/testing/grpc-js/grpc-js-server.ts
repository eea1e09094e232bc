import type { Socket } from "node:net";
import {
  type ConnectionInjector,
  type ServiceDefinition as GrpcJsServiceDefinition,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { defaultLimits } from "../../limits.ts";
import { Listener } from "../../server/listener.ts";
import type { RpcServer, RpcServerOptions } from "../../server.ts";
import type { Service } from "../../service.ts";
import { type CallSurroundings, GrpcJsCall, type ServedMethod } from "./grpc-js-call.ts";

/**
 * A server carried by grpc-js.
 * @throws Error when the TLS certificate or key cannot be used
 */
export function createGrpcJsServer(options: RpcServerOptions): RpcServer {
  return new GrpcJsServer(options);
}

class GrpcJsServer implements RpcServer {
  readonly #clock: Clock;
  readonly #connections: ConnectionInjector;
  readonly #listener: Listener;

  constructor(options: RpcServerOptions) {
    this.#clock = options.clock ?? systemClock;
    const methods = new Map(options.services.flatMap(servedMethods).map((served) => [`/${served.name}`, served]));
    const { observer, onInternalError } = options;
    const limits = { ...defaultLimits, ...options.limits };
    const server = new Server({
      "grpc.max_receive_message_length": limits.messageMaxBytes,
      "grpc.max_concurrent_streams": limits.concurrentStreams,
      // Finds out that a caller's machine is gone: its calls must not stay open for ever.
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.enable_channelz": 0,
      interceptors: [answerWith(methods, { clock: this.#clock, observer, onInternalError })],
    });
    for (const service of options.services) server.addService(rawMessages(service), {});
    this.#connections = acceptor(server, options.tls);
    const accept = (socket: Socket) => this.#connections.injectConnection(socket);
    this.#listener = new Listener({ ...limits, accept });
  }

  listen({ host, port }: { host: string; port: number }): Promise<number> {
    return this.#listener.listen(host, port);
  }

  async drain(graceMs: number): Promise<void> {
    this.#listener.stopAccepting();
    // Sends GOAWAY on every connection, which then closes after its last call.
    this.#connections.destroy();
    const closed = this.#listener.connectionsClosed();
    const cancel = this.#clock.after(graceMs, () => this.#listener.destroyConnections());
    await closed;
    cancel();
  }
}

/** Takes over every call before grpc-js hands it to a handler of its own kind. */
function answerWith(methods: ReadonlyMap<string, ServedMethod>, surroundings: CallSurroundings): ServerInterceptor {
  return ({ path }, call) => {
    const served = methods.get(path);
    if (served === undefined) throw new Error(`${path} was registered without a handler`);
    return new ServerInterceptingCall(call, { start: () => new GrpcJsCall(served, call, surroundings).start() });
  };
}

function servedMethods({ definition, handlers }: Service): ServedMethod[] {
  return Object.entries(definition.methods).map(([key, method]) => ({
    name: `${definition.fullName}/${method.name}`,
    definition: method,
    handler: handlers[key] as ServedMethod["handler"],
  }));
}

/** The methods as grpc-js wants them told; messages stay bytes, since its answer to a malformed one is INTERNAL. */
function rawMessages({ definition }: Service): GrpcJsServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition.methods).map(([key, { name, requestStream, responseStream }]) => [
      key,
      {
        path: `/${definition.fullName}/${name}`,
        requestStream,
        responseStream,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    ]),
  );
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/**
 * Takes connections that we accepted ourselves: that way their number is bounded, an address that cannot be used is an
 * error of ours that says why, and a drain knows when all are closed (tryShutdown does not, from Node 24 on).
 */
function acceptor(server: Server, tls: RpcServerOptions["tls"]): ConnectionInjector {
  if (tls === undefined) return server.createConnectionInjector(ServerCredentials.createInsecure());
  const clientCa = tls.clientCa === undefined ? null : Buffer.from(tls.clientCa);
  const pair = { cert_chain: Buffer.from(tls.certificate), private_key: Buffer.from(tls.key) };
  try {
    return server.createConnectionInjector(ServerCredentials.createSsl(clientCa, [pair], clientCa !== null));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the TLS certificate or key cannot be used: ${why}`, { cause: error });
  }
}
