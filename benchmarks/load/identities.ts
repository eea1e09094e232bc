import { randomUUID } from "node:crypto";

/** How services name users, devices and connections. */
export type IdKind = "UUID" | "short";

/** Who has a session; one device each. */
export interface Identity {
  readonly userId: string;
  readonly deviceId: string;
  readonly connectionId: string;
}

export function identities(count: number, kind: IdKind): Identity[] {
  const make = kind === "UUID" ? uuidIdentity : shortIdentity;
  return Array.from({ length: count }, (_, number) => make(number));
}

function uuidIdentity(): Identity {
  return { userId: randomUUID(), deviceId: randomUUID(), connectionId: randomUUID() };
}

/** Such as user `u1000042`, device `phone`, connection `c1000042`. */
function shortIdentity(number: number): Identity {
  const digits = String(1_000_000 + number);
  return { userId: `u${digits}`, deviceId: "phone", connectionId: `c${digits}` };
}
