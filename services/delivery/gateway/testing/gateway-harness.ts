import {
  type CloseReason,
  type OpenSession,
  PresenceClientError,
  type PresenceClientErrorCode,
  type SessionHandle,
  type SessionListener,
  type Successor,
} from "@realchat/presence-client";
import { systemClock } from "@realchat/presence-runtime/clock";
import type { FrameSink } from "../../push/frame-sink.ts";
import { type ClientOptions, connect, type SocketClient } from "../../testing/socket-client.ts";
import { noAuthentication } from "../authentication/no-authentication.ts";
import { Gateway, type GatewayOptions } from "../gateway.ts";

/** A session that a test ends from the other side. */
interface ScriptedSession {
  readonly deviceId: string;
  readonly aliveAtMs: number | undefined;
  closed: CloseReason | "unknown" | undefined;
  /** Default: by a newer connection. */
  supersede(successor?: Successor): void;
  refuse(code: PresenceClientErrorCode): void;
}

/** What push was asked for by one socket. */
export interface ScriptedSubscription {
  readonly userId: string;
  readonly sink: FrameSink;
  readonly calls: string[];
  isClosed: boolean;
}

/** A gateway that listens, between real sockets and a presence and a push that only remember. */
export interface GatewayHarness {
  readonly gateway: Gateway;
  readonly address: string;
  readonly sessions: ScriptedSession[];
  readonly subscriptions: ScriptedSubscription[];
  open(options?: Partial<ClientOptions>): Promise<SocketClient>;
  /** The status and the reason of a handshake that is refused. */
  refusal(options?: Partial<ClientOptions>): Promise<string>;
  close(): void;
}

export const handshake = { cookie: "token", addressHeader: "x-client", origins: new Set<string>(), timeoutMs: 30_000 };

/** Users that a scripted push lets a socket watch. */
const watchedMax = 3;

export async function startGatewayHarness(options: Partial<GatewayOptions> = {}): Promise<GatewayHarness> {
  const sessions: ScriptedSession[] = [];
  const subscriptions: ScriptedSubscription[] = [];
  const gateway = new Gateway({
    authenticator: noAuthentication,
    sessions: { open: (opened) => scriptedSession(opened, sessions) },
    push: {
      connect(userId, sink) {
        const subscription: ScriptedSubscription = { userId, sink, calls: [], isClosed: false };
        subscriptions.push(subscription);
        return {
          subscribe: (userIds) => subscription.calls.push(`+${userIds}`) > 0 && userIds.length <= watchedMax,
          unsubscribe: (userIds) => subscription.calls.push(`-${userIds}`),
          close: () => {
            subscription.isClosed = true;
          },
        };
      },
    },
    selves: {
      connect: () => ({ say() {}, refuse() {}, close() {} }),
    },
    clock: systemClock,
    turns: { waitedMs: 0 },
    handshake,
    limits: {
      ...{ socketsMax: 20, userMaxSockets: 5, addressMaxSockets: 10, handshakesMax: 20 },
      ...{ messageMaxBytes: 1_024, messageRate: { perSecond: 5, burst: 20 } },
    },
    liveness: { pingEveryMs: 25_000, pongWithinMs: 10_000 },
    tls: undefined,
    page: (_, response) => void response.writeHead(404).end(),
    onInternalError: (error) => {
      throw error;
    },
    ...options,
  });
  const address = `127.0.0.1:${await gateway.listen({ host: "127.0.0.1", port: 0 })}`;
  const open = (client: Partial<ClientOptions> = {}) => connect({ address, userId: "ada", ...client });
  return {
    ...{ gateway, address, sessions, subscriptions, open },
    async refusal(client) {
      try {
        await open(client);
        return "opened";
      } catch (error) {
        return (error as Error).message;
      }
    },
    close: () => gateway.close(),
  };
}

function scriptedSession({ deviceId, aliveAtMs }: OpenSession, sessions: ScriptedSession[]): SessionHandle {
  let listener: SessionListener | undefined;
  const session: ScriptedSession = {
    deviceId,
    aliveAtMs,
    closed: undefined,
    supersede: (successor = "newer-connection") => listener?.superseded?.(successor),
    refuse: (code) => listener?.refused?.(new PresenceClientError(code, "as the test wants")),
  };
  sessions.push(session);
  const handle: Pick<SessionHandle, "close" | "listen"> = {
    async close(reason) {
      session.closed = reason ?? "unknown";
    },
    listen(socket) {
      listener = socket;
    },
  };
  return handle as SessionHandle;
}
