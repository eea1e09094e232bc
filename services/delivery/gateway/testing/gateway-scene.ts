import type { CloseReason, OpenSession, SessionHandle, Successor } from "@realchat/presence-client";
import { systemClock } from "@realchat/presence-runtime/clock";
import type { Outlet } from "../../push/outlet.ts";
import { type ClientOptions, connect, type SocketClient } from "../../testing/socket-client.ts";
import { anyone } from "../authentication/anyone.ts";
import { Gateway, type GatewayOptions } from "../gateway.ts";

/** A session that a test ends from the other side. */
interface ScriptedSession {
  readonly deviceId: string;
  readonly aliveAtMs: number | undefined;
  closed: CloseReason | "unknown" | undefined;
  /** Default: by a newer connection. */
  supersede(successor?: Successor): void;
  refuse(code: string): void;
}

/** What push was asked for by one socket. */
export interface ScriptedPlace {
  readonly userId: string;
  readonly outlet: Outlet;
  readonly asked: string[];
  isClosed: boolean;
}

/** A gateway that listens, between real sockets and a presence and a push that only remember. */
export interface GatewayScene {
  readonly gateway: Gateway;
  readonly address: string;
  readonly sessions: ScriptedSession[];
  readonly places: ScriptedPlace[];
  open(options?: Partial<ClientOptions>): Promise<SocketClient>;
  /** The status and the reason of a handshake that is refused. */
  refusal(options?: Partial<ClientOptions>): Promise<string>;
  close(): void;
}

export const handshake = { cookie: "token", addressHeader: "x-client", origins: new Set<string>(), timeoutMs: 30_000 };

/** Users that a scripted push lets a socket watch. */
const watchedMax = 3;

export async function gatewayScene(options: Partial<GatewayOptions> = {}): Promise<GatewayScene> {
  const sessions: ScriptedSession[] = [];
  const places: ScriptedPlace[] = [];
  const gateway = new Gateway({
    authenticator: anyone,
    sessions: { open: (opened) => scriptedSession(opened, sessions) },
    push: {
      connect(userId, outlet) {
        const place: ScriptedPlace = { userId, outlet, asked: [], isClosed: false };
        places.push(place);
        return {
          subscribe: (userIds) => place.asked.push(`+${userIds}`) > 0 && userIds.length <= watchedMax,
          unsubscribe: (userIds) => place.asked.push(`-${userIds}`),
          close: () => {
            place.isClosed = true;
          },
        };
      },
    },
    clock: systemClock,
    turns: { waitedMs: 0 },
    handshake,
    limits: {
      ...{ socketsMax: 20, userMaxSockets: 5, addressMaxSockets: 10 },
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
    ...{ gateway, address, sessions, places, open },
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
  let supersede: (successor: Successor) => void = () => {};
  let refuse: (refusal: { code: string }) => void = () => {};
  const session: ScriptedSession = {
    deviceId,
    aliveAtMs,
    closed: undefined,
    supersede: (successor = "newer-connection") => supersede(successor),
    refuse: (code) => refuse({ code }),
  };
  sessions.push(session);
  const handle: Pick<SessionHandle, "close" | "onSuperseded" | "onRefused"> = {
    async close(reason) {
      session.closed = reason ?? "unknown";
    },
    onSuperseded(listener) {
      supersede = listener;
    },
    onRefused(listener) {
      refuse = listener as (refusal: { code: string }) => void;
    },
  };
  return handle as SessionHandle;
}
