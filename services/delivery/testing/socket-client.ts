import { waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";

/** A user in the JSON protocol. */
type ToldUser = {
  readonly id: string;
  readonly online: boolean;
  readonly version: number;
  readonly lastSeen?: number;
  readonly cause?: string;
  readonly at?: number;
  readonly device?: string;
  readonly devices?: readonly string[];
  readonly availability?: string;
};

export type ToldFrame =
  | { readonly type: "snapshot" | "presence"; readonly users: readonly ToldUser[] }
  | { readonly type: "hidden"; readonly users: readonly string[] }
  | { readonly type: "stale"; readonly stale: boolean }
  | {
      readonly type: "self";
      readonly availability?: string;
      readonly status?: { readonly text?: string };
      readonly idleSince?: number;
      readonly policy?: { readonly invisible: boolean };
    }
  | { readonly type: "refused"; readonly what: string; readonly why: string }
  | { readonly type: "pong" };

/** The users whose state is in the frame. */
export function toldUsers(frame: ToldFrame): readonly ToldUser[] {
  return frame.type === "snapshot" || frame.type === "presence" ? frame.users : [];
}

/** A client of the JSON protocol that records all frames. */
export type SocketClient = {
  readonly socket: WebSocket;
  readonly frames: readonly ToldFrame[];
  /** Users by id, at their highest version, without hidden ones. */
  readonly users: ReadonlyMap<string, ToldUser>;
  /** Once it is closed. */
  readonly end: { readonly code: number; readonly reason: string } | undefined;
  say(message: unknown): void;
  /** Resolves when the user's latest state is this. */
  untilTold(userId: string, online: boolean, deadlineMs?: number): Promise<ToldUser>;
  untilSnapshot(): Promise<void>;
  /** Resolves when the latest "stale" frame has this value. */
  untilStale(isStale: boolean, deadlineMs?: number): Promise<unknown>;
  untilClosed(deadlineMs?: number): Promise<{ readonly code: number; readonly reason: string }>;
};

export type ClientOptions = {
  readonly address: string;
  readonly userId?: string;
  readonly deviceId?: string;
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Authority to trust, PEM; with it TLS is spoken. */
  readonly ca?: string;
  /** Called with every frame as it comes. */
  readonly onFrame?: (frame: ToldFrame) => void;
};

export const jsonProtocol = "realchat.presence.v1.json";

/** @throws Error when the handshake is refused; its message has the status */
export async function connect(options: ClientOptions): Promise<SocketClient> {
  const { address, userId, deviceId = "phone", protocols = [jsonProtocol], headers = {}, ca } = options;
  const query = new URLSearchParams({ ...(userId !== undefined && { user_id: userId }), device_id: deviceId });
  const scheme = ca === undefined ? "ws" : "wss";
  const socket = new WebSocket(`${scheme}://${address}/ws?${query}`, [...protocols], { headers, ca });
  // A test that forgot its sockets ends nevertheless.
  socket.once("upgrade", (response) => response.socket.unref());
  const client = rememberingClient(socket, options.onFrame);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return client;
}

function rememberingClient(socket: WebSocket, onFrame: ClientOptions["onFrame"]): SocketClient {
  const frames: ToldFrame[] = [];
  const users = new Map<string, ToldUser>();
  let end: { code: number; reason: string } | undefined;
  socket.on("error", () => {});
  socket.on("close", (code, reason) => {
    end = { code, reason: reason.toString() };
  });
  socket.on("message", (data, isBinary) => {
    if (isBinary) return;
    const frame = JSON.parse(String(data)) as ToldFrame;
    frames.push(frame);
    if (frame.type === "hidden") for (const id of frame.users) users.delete(id);
    for (const user of toldUsers(frame)) {
      if (user.version >= (users.get(user.id)?.version ?? 0)) users.set(user.id, user);
    }
    onFrame?.(frame);
  });
  return {
    socket,
    frames,
    users,
    get end() {
      return end;
    },
    say: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    untilTold: (userId, online, deadlineMs) =>
      waitUntil(() => (users.get(userId)?.online === online ? users.get(userId) : undefined), {
        what: `${userId} is told to be ${online ? "online" : "offline"}`,
        deadlineMs,
      }) as Promise<ToldUser>,
    async untilSnapshot() {
      await waitUntil(() => frames.some(({ type }) => type === "snapshot"), { what: "a snapshot came" });
    },
    untilStale: (isStale, deadlineMs) =>
      waitUntil(() => frames.findLast((frame) => frame.type === "stale")?.stale === isStale, {
        what: `dots are told to be ${isStale ? "stale" : "current"}`,
        deadlineMs,
      }),
    untilClosed: (deadlineMs) =>
      waitUntil(() => end, { what: "the socket is closed", deadlineMs }) as Promise<{ code: number; reason: string }>,
  };
}
