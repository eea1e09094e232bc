import { wrongWithId } from "@realchat/presence-runtime";

/** A message from a client. */
type ClientMessage =
  | { readonly kind: "subscribe" | "unsubscribe"; readonly userIds: readonly string[] }
  | { readonly kind: "logout" }
  /** The client's heartbeat: pages cannot see WebSocket pings. */
  | { readonly kind: "ping" }
  /** Of another version of the protocol, or the resume request of older clients. */
  | { readonly kind: "unknown" }
  | { readonly kind: "not_json" }
  /** @property why at most 100 bytes */
  | { readonly kind: "wrong"; readonly why: string };

export function readClientMessage(text: string): ClientMessage {
  const message = parse(text);
  if (message === undefined) return { kind: "not_json" };
  const { type, users } = message as { type?: unknown; users?: unknown };
  if (type === "logout" || type === "ping") return { kind: type };
  if (type !== "subscribe" && type !== "unsubscribe") return { kind: "unknown" };
  if (!Array.isArray(users)) return { kind: "wrong", why: "users is not a list of ids" };
  for (const [index, userId] of users.entries()) {
    const wrong = wrongWithId(userId);
    if (wrong !== undefined) return { kind: "wrong", why: `users[${index}] ${wrong}` };
  }
  return { kind: type, userIds: users as string[] };
}

/** @returns undefined unless it is a JSON object */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
