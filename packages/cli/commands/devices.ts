import type { presence } from "@realchat/presence-proto";
import { defineCommand, type Invocation } from "../command.ts";
import { userDevicesJson } from "../json.ts";
import { align, printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { ago, millisOf } from "../time.ts";

export const devices = defineCommand({
  name: "devices",
  summary: "the connected devices of a user or several, and their gateways",
  operands: [{ name: "USER", times: "one-or-more" }],
  flags: {},
  details: "Shows each device with a live session: the gateway that holds it, and since when.",
  examples: ["devices alice", "devices alice bob --json"],
  async run(invocation) {
    const { flags, terminal, clock } = invocation;
    const users = await ask(invocation);
    const nowMs = clock.nowUs() / 1_000;
    const lines = flags.json
      ? users.map((user) => JSON.stringify(userDevicesJson(user)))
      : align(users.flatMap((user) => rowsOf(user, terminal, nowMs)));
    for (const line of lines) await terminal.print(line);
  },
});

async function ask({
  operands,
  flags,
  api,
}: Pick<Invocation<Record<never, never>>, "operands" | "flags" | "api">): Promise<presence.UserDevices[]> {
  const options = { timeoutMs: flags.timeout };
  const [first = "", ...more] = operands;
  if (more.length === 0) {
    const { devices } = await api.getUserDevices({ userId: first }, options);
    return [{ userId: first, devices, unknown: false }];
  }
  const { users } = await api.batchGetUserDevices({ userIds: [...operands] }, options);
  return users;
}

function rowsOf({ userId, devices, unknown }: presence.UserDevices, terminal: Terminal, nowMs: number): string[][] {
  if (unknown) return [[`? ${printable(userId)}`, "unknown"]];
  const user = `${terminal.dot(devices.length > 0)} ${printable(userId)}`;
  if (devices.length === 0) return [[user, "no device connected"]];
  return devices.map(({ deviceId, instanceId, connectedAt }) => [
    user,
    printable(deviceId),
    `at ${printable(instanceId)}`,
    connectedAt === undefined ? "" : `connected ${ago(millisOf(connectedAt), nowMs)}`,
  ]);
}
