import type { Fleet } from "../fleet/fleet.ts";
import type { Machine } from "../time/machine.ts";
import type { Random } from "../time/random.ts";
import type { Disturbance } from "./disturbance.ts";

const nothing = () => {};

/** All that can go wrong. */
export const disturbances: readonly Disturbance[] = [
  {
    kind: "node crashes",
    weight: 2,
    lastsMs: [500, 20_000],
    begin(fleet, random) {
      const place = random.pick(fleet.nodePlaces);
      if (place.node === undefined) return undefined;
      fleet.crashNode(place);
      return { what: `${place.name} crashes`, end: () => fleet.startNode(place) };
    },
  },
  {
    kind: "node is redeployed",
    weight: 2,
    lastsMs: [2_000, 10_000],
    begin(fleet, random) {
      const place = random.pick(fleet.nodePlaces);
      const { node } = place;
      if (node === undefined || !node.machine.runs) return undefined;
      void node.drain().then(() => {
        if (place.node === node) fleet.crashNode(place);
      });
      return {
        what: `${place.name} is redeployed`,
        end() {
          if (place.node === node) fleet.crashNode(place);
          if (place.node === undefined) fleet.startNode(place);
        },
      };
    },
  },
  {
    kind: "node freezes",
    weight: 3,
    lastsMs: [500, 30_000],
    begin: (fleet, random) => frozen(random.pick(fleet.nodePlaces).node?.machine),
  },
  {
    kind: "node loses its connection to the store",
    weight: 3,
    lastsMs: [10, 20],
    begin(fleet, random) {
      const { node, name } = random.pick(fleet.nodePlaces);
      const link = node === undefined ? undefined : fleet.linkOf(node);
      if (link === undefined) return undefined;
      link.connection.break();
      return { what: `${name} loses its connection to the store`, end: nothing };
    },
  },
  {
    kind: "link to the store flaps",
    weight: 2,
    lastsMs: [5_000, 60_000],
    begin(fleet, random) {
      const { node, name } = random.pick(fleet.nodePlaces);
      const connection = node === undefined ? undefined : fleet.linkOf(node)?.connection;
      // The memory store has no ticks that carry heartbeats.
      if (connection === undefined || fleet.store.redis === undefined) return undefined;
      connection.breakChance = random.between(0.02, 0.2);
      const end = () => {
        connection.breakChance = 0;
      };
      return { what: `the link between ${name} and the store flaps`, end };
    },
  },
  {
    kind: "store loses all",
    weight: 1,
    lastsMs: [10, 20],
    begin: ({ store: { redis } }) => {
      redis?.flush();
      return redis && { what: "FLUSHALL", end: nothing };
    },
  },
  {
    kind: "store is restarted, with what it had a while ago",
    weight: 2,
    lastsMs: [100, 30_000],
    begin(fleet, random) {
      const { redis } = fleet.store;
      if (redis === undefined || !fleet.server.runs) return undefined;
      const isEmpty = random.chance(0.3);
      const isBehind = random.chance(0.3);
      const behindMs = Math.round(random.between(0, 60_000));
      const snapshot = redis.snapshot();
      return {
        what: "nothing of what the store takes is kept",
        end() {
          redis.become(isEmpty ? undefined : snapshot);
          if (isBehind) fleet.server.stepWall(-behindMs);
          breakLinks(fleet);
        },
      };
    },
  },
  {
    kind: "store fails over, and back",
    weight: 2,
    lastsMs: [200, 30_000],
    begin(fleet) {
      const { redis } = fleet.store;
      if (redis === undefined || !fleet.server.runs) return undefined;
      const before = redis.snapshot();
      redis.become(before);
      breakLinks(fleet);
      const end = () => {
        redis.resume(before);
        breakLinks(fleet);
      };
      return { what: "a replica takes the store's place", end };
    },
  },
  {
    kind: "power fails: the store and all nodes restart",
    weight: 2,
    lastsMs: [100, 2_000],
    begin(fleet, random) {
      const { redis } = fleet.store;
      if (redis === undefined || !fleet.server.runs) return undefined;
      const snapshot = redis.snapshot();
      const behindMs = random.between(0, 9_500);
      return {
        what: "what the store takes is not kept",
        end() {
          if (!redis.isWithinLead(snapshot, behindMs)) return;
          // Nobody is left who saw what was lost: that it is below the begin is the lead's doing alone.
          for (const place of fleet.nodePlaces) fleet.crashNode(place);
          redis.become(snapshot);
          fleet.server.stepWall(-behindMs);
          for (const place of fleet.nodePlaces) fleet.startNode(place);
        },
      };
    },
  },
  {
    kind: "way from a node to the store is cut",
    weight: 2,
    lastsMs: [1_000, 90_000],
    begin: (fleet, random) => cut(fleet, random.pick(fleet.nodePlaces).name, "store"),
  },
  {
    kind: "way to the store is slow",
    weight: 1,
    lastsMs: [5_000, 60_000],
    begin: (fleet, random) => slow(fleet, random.pick(fleet.nodePlaces).name, "store", random.between(20, 400)),
  },
  {
    kind: "store freezes",
    weight: 2,
    lastsMs: [500, 90_000],
    begin: (fleet) => frozen(fleet.server),
  },
  {
    kind: "store's wall clock is stepped",
    weight: 2,
    lastsMs: [10, 20],
    begin: (fleet, random) => stepped(fleet.server, random),
  },
  {
    kind: "node's wall clock is stepped",
    weight: 1,
    lastsMs: [10, 20],
    begin: (fleet, random) => stepped(random.pick(fleet.nodePlaces).node?.machine, random),
  },
  {
    kind: "gateway's wall clock is stepped",
    weight: 1,
    lastsMs: [10, 20],
    begin: (fleet, random) => stepped(random.pick(fleet.gatewayPlaces).gateway?.machine, random),
  },
  {
    kind: "gateway crashes",
    weight: 2,
    lastsMs: [500, 30_000],
    begin(fleet, random) {
      const place = random.pick(fleet.gatewayPlaces);
      const { gateway } = place;
      if (gateway === undefined) return undefined;
      // Some of those who were there do not come back at once.
      for (const client of fleet.clients) if (client.gateway === place.name && random.chance(0.5)) client.vanish();
      gateway.crash();
      place.gateway = undefined;
      return { what: `${place.name} crashes`, end: () => fleet.startGateway(place) };
    },
  },
  {
    kind: "gateway is redeployed",
    weight: 2,
    lastsMs: [12_000, 20_000],
    begin(fleet, random) {
      const place = random.pick(fleet.gatewayPlaces);
      const { gateway } = place;
      if (gateway === undefined || !gateway.machine.runs) return undefined;
      void gateway.drain();
      return {
        what: `${place.name} is redeployed`,
        end() {
          gateway.crash();
          if (place.gateway === gateway) fleet.startGateway(place);
        },
      };
    },
  },
  {
    kind: "gateway freezes",
    weight: 3,
    lastsMs: [500, 120_000],
    begin(fleet, random) {
      const { gateway, name } = random.pick(fleet.gatewayPlaces);
      if (gateway === undefined || !gateway.machine.runs) return undefined;
      gateway.machine.freeze();
      // Their pings are not answered.
      fleet.loop.after(12_000, () => {
        if (gateway.machine.runs) return;
        for (const client of fleet.clients) if (client.gateway === name) client.loseNetwork();
      });
      return { what: `${name} freezes`, end: () => gateway.machine.thaw() };
    },
  },
  {
    kind: "gateway is cut off from a node",
    weight: 2,
    lastsMs: [500, 60_000],
    begin: (fleet, random) => cut(fleet, random.pick(fleet.gatewayPlaces).name, random.pick(fleet.nodePlaces).name),
  },
  {
    kind: "gateway is cut off from presence",
    weight: 2,
    lastsMs: [5_000, 90_000],
    begin(fleet, random) {
      const { name } = random.pick(fleet.gatewayPlaces);
      const cuts = fleet.nodePlaces.flatMap((place) => cut(fleet, name, place.name) ?? []);
      const end = () => {
        for (const each of cuts) each.end();
      };
      return { what: `${name} is cut off from presence`, end };
    },
  },
  {
    kind: "connections between gateways and presence break",
    weight: 1,
    lastsMs: [10, 20],
    begin(fleet) {
      for (const { channels } of fleet.gatewayPlaces) channels?.break();
      return { what: "all connections from gateways to presence break", end: nothing };
    },
  },
  {
    kind: "store loses all, and what a node has published meanwhile comes late",
    weight: 2,
    lastsMs: [25_000, 90_000],
    begin(fleet, random) {
      const { redis } = fleet.store;
      if (redis === undefined) return undefined;
      const late = cut(fleet, random.pick(fleet.nodePlaces).name, "kafka");
      if (late !== undefined) fleet.loop.after(random.between(500, 3_000), () => redis.flush());
      return late && { what: `${late.what}, and then FLUSHALL`, end: late.end };
    },
  },
  {
    kind: "way from a node to Kafka is cut",
    weight: 2,
    lastsMs: [1_000, 90_000],
    begin: (fleet, random) => cut(fleet, random.pick(fleet.nodePlaces).name, "kafka"),
  },
  {
    kind: "Kafka refuses",
    weight: 1,
    lastsMs: [1_000, 60_000],
    begin({ topic }) {
      topic.isAway = true;
      const end = () => {
        topic.isAway = false;
      };
      return { what: "Kafka refuses everything", end };
    },
  },
  {
    kind: "Kafka freezes",
    weight: 1,
    lastsMs: [1_000, 60_000],
    begin: (fleet) => frozen(fleet.topic.broker),
  },
  {
    kind: "Kafka loses acknowledgements",
    weight: 1,
    lastsMs: [5_000, 60_000],
    begin({ topic }) {
      topic.lostAckChance = 0.5;
      const end = () => {
        topic.lostAckChance = 0;
      };
      return { what: "Kafka's acknowledgements get lost", end };
    },
  },
  {
    kind: "Kafka's partitions lag",
    weight: 1,
    lastsMs: [5_000, 60_000],
    begin({ topic }, random) {
      topic.lagMs = random.between(100, 5_000);
      const end = () => {
        topic.lagMs = 0;
      };
      return { what: `Kafka's partitions lag up to ${Math.round(topic.lagMs)} ms`, end };
    },
  },
  {
    kind: "clients lose their network at once",
    weight: 2,
    lastsMs: [10_000, 10_000],
    begin({ clients }, random) {
      const share = random.next();
      for (const client of clients) if (random.chance(share)) client.loseNetwork();
      return { what: `${Math.round(share * 100)} % of the clients lose their network`, end: nothing };
    },
  },
  {
    kind: "clients read slowly",
    weight: 2,
    lastsMs: [5_000, 30_000],
    begin({ clients }, random) {
      const forMs = random.between(1_000, 30_000);
      for (const client of clients) if (random.chance(0.2)) client.stall(forMs);
      return { what: `some clients read nothing for ${Math.round(forMs)} ms`, end: nothing };
    },
  },
];

function breakLinks(fleet: Fleet): void {
  for (const { node } of fleet.nodePlaces) if (node !== undefined) fleet.linkOf(node)?.connection.break();
}

function frozen(machine: Machine | undefined) {
  if (machine === undefined || !machine.runs) return undefined;
  machine.freeze();
  return { what: `${machine.name} freezes`, end: () => machine.thaw() };
}

function stepped(machine: Machine | undefined, random: Random) {
  if (machine === undefined) return undefined;
  const byMs = Math.round(random.between(-1, 1) ** 3 * 120_000);
  machine.stepWall(byMs);
  return { what: `the wall clock of ${machine.name} is stepped by ${byMs} ms`, end: nothing };
}

function cut(fleet: Fleet, one: string, other: string) {
  const path = fleet.pathBetween(one, other);
  if (path.isCut) return undefined;
  path.cut();
  return { what: `${one} is cut off from ${other}`, end: () => path.mend() };
}

function slow(fleet: Fleet, one: string, other: string, spreadMs: number) {
  const path = fleet.pathBetween(one, other);
  if (path.isSlow) return undefined;
  path.slow(spreadMs);
  return {
    what: `messages between ${one} and ${other} take ${Math.round(spreadMs)} ms`,
    end: () => path.slow(undefined),
  };
}
