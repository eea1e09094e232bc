import { randomUUID } from "node:crypto";

/** Who has a session, and where; one device each. */
export interface Identity {
  readonly userId: string;
  readonly deviceId: string;
  /** Empty for a caller without tokens. */
  readonly connectionId: string;
  readonly instanceId: string;
}

export interface Naming {
  /** How users, devices and connections are named; UUIDs by default. */
  readonly ids?: "UUID" | "short";
  /** Whether callers name their connections, as those do that use tokens; by default they do. */
  readonly withConnection?: boolean;
  readonly instanceId?: string;
}

export function identities(count: number, naming: Naming = {}): Identity[] {
  const { ids = "UUID", withConnection = true, instanceId = "gateway-1" } = naming;
  const name = ids === "UUID" ? uuidNames : shortNames;
  return Array.from({ length: count }, (_, number) => {
    const { userId, deviceId, connectionId } = name(number);
    return { userId, deviceId, connectionId: withConnection ? connectionId : "", instanceId };
  });
}

function uuidNames() {
  return { userId: randomUUID(), deviceId: randomUUID(), connectionId: randomUUID() };
}

/** Such as user `u1000042`, device `phone`, connection `c1000042`. */
function shortNames(number: number) {
  const digits = String(1_000_000 + number);
  return { userId: `u${digits}`, deviceId: "phone", connectionId: `c${digits}` };
}
