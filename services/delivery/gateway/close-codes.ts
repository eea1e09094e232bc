/**
 * Why a socket is closed: code and reason. 1000 to 1015: RFC 6455 §7.4.1 and the IANA registry; 4000 and above are ours,
 * those from 4400 on say that the user or the token is not accepted. Clients go by the code: docs/websocket.md
 */
export const closes = {
  logged_out: { code: 4001, text: "logged_out" },
  closed: { code: 4003, text: "closed" },
  session_replaced: { code: 4000, text: "session_replaced" },
  token_refused: { code: 4401, text: "token_refused" },
  token_expired: { code: 4401, text: "token_expired" },
  forbidden: { code: 4403, text: "forbidden" },
  too_many_devices: { code: 4429, text: "too_many_devices" },
  not_json: { code: 1007, text: "not_json" },
  bad_message: { code: 1008, text: "bad_message" },
  too_many_messages: { code: 1008, text: "too_many_messages" },
  too_many_users: { code: 1008, text: "too_many_users" },
  internal: { code: 1011, text: "internal" },
  connect_again: { code: 1012, text: "connect_again" },
  restart: { code: 1012, text: "restart" },
  slow: { code: 1013, text: "too_slow" },
  full: { code: 1013, text: "full" },
} as const;

export type Close = keyof typeof closes;

/** The close code with which a client ends its session at once. */
export const loggedOut = closes.logged_out.code;
