import { startDelivery, startPresence, type TestDelivery } from "@realchat/presence-testing";
import { connectPresence, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import { audienceFile, type Relation } from "./relations.ts";

/**
 * Runs with a presence node and a gateway that keep all in memory, each a process of its own.
 * @param settings of the gateway, besides
 */
export async function withEmbeddedGateway<Result>(
  relations: Iterable<Relation>,
  run: (gateway: TestDelivery, presence: PresenceClient) => Promise<Result>,
  settings: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const node = await startPresence({ env: { LOG_LEVEL: "warn" } });
  const place = { PRESENCE_SVC_ADDR: node.grpcAddress, AUDIENCE_FILE: audienceFile(relations) };
  const gateway = await startDelivery({ env: { ...gatewaySettings, ...place, ...settings } });
  const presence = connectPresence(node.grpcAddress);
  const result = await run(gateway, presence);
  presence.close();
  await gateway.stop();
  await node.stop();
  return result;
}

/** All clients have the same address here; only the relations that are imported exist. */
export const gatewaySettings = {
  ADDRESS_MAX_SOCKETS: "50000",
  SAMPLE_CAST: "false",
  LOG_LEVEL: "warn",
  DRAIN_SPREAD: "0",
};
