import type { Allowance } from "../history/injected-fault.ts";
import type { Link, LinkState } from "../network/link.ts";
import type { Random } from "../random/random.ts";
import type { FaultKind, Harm, Victims } from "./fault-kind.ts";

/** One way to harm a link. */
interface Trouble {
  readonly name: string;
  state(random: Random): LinkState;
  readonly lastsMs: readonly [number, number];
  readonly holdsCalls: boolean;
}

const cut: Trouble = { name: "cut", state: () => ({ kind: "cut" }), lastsMs: [300, 8_000], holdsCalls: false };
const stall: Trouble = { name: "stall", state: () => ({ kind: "stalled" }), lastsMs: [300, 8_000], holdsCalls: true };
const slow: Trouble = {
  name: "slow",
  state: (random) => ({ kind: "slow", delayMs: random.between(20, 300) }),
  lastsMs: [1_000, 8_000],
  holdsCalls: true,
};
const flap: Trouble = {
  name: "flap",
  state: (random) => ({ kind: "flapping", resetChance: random.between(0.01, 0.08) }),
  lastsMs: [2_000, 10_000],
  holdsCalls: false,
};

/** Between one node and Redis: gateways and the other nodes go on. */
function nodeToRedis(trouble: Trouble): FaultKind {
  return {
    name: `node-redis.${trouble.name}`,
    of: ["single"],
    lastsMs: trouble.lastsMs,
    weight: 1,
    begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      node.redisLink.turn(trouble.state(random));
      const allowance: Allowance = {
        // The node may publish, and its lease has to run out; a slow or flapping link makes it late again and again.
        everyone:
          trouble === slow || trouble === flap ? { part: "whole", afterMs: 3_000 } : { part: "start", forMs: 4_000 },
        ofNode: { node: node.index, excuse: { part: "whole", afterMs: 3_000 } },
        holdsCalls: trouble.holdsCalls,
        unavailableAfterMs: 0,
      };
      return { target: node.name, allowance, heal: () => node.redisLink.turn({ kind: "open" }) };
    },
  };
}

/** Between all nodes and Redis: an outage, unless bytes still get through. */
function allToRedis(trouble: Trouble): FaultKind {
  return {
    name: `all-redis.${trouble.name}`,
    of: ["single"],
    lastsMs: trouble.lastsMs,
    weight: 1,
    begin({ system }, random) {
      const state = trouble.state(random);
      for (const { redisLink } of system.nodes) redisLink.turn(state);
      const allowance: Allowance = {
        everyone: { part: "whole", afterMs: 3_000 },
        isOutage: trouble === cut || trouble === stall,
        holdsCalls: trouble.holdsCalls,
        unavailableAfterMs: 2_500,
      };
      const heal = () => {
        for (const { redisLink } of system.nodes) redisLink.turn({ kind: "open" });
      };
      return { target: "all nodes", allowance, heal };
    },
  };
}

/** A publish may take up to its time-out (10 s) to fail, and is then made again. */
const afterKafkaMs = 13_000;

function nodeToKafka(trouble: Trouble): FaultKind {
  return {
    name: `node-kafka.${trouble.name}`,
    lastsMs: trouble.lastsMs,
    weight: 0.7,
    begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      node.kafkaLink.turn(trouble.state(random));
      const allowance: Allowance = { kafka: { part: "whole", afterMs: afterKafkaMs }, unavailableAfterMs: 0 };
      return { target: node.name, allowance, heal: () => node.kafkaLink.turn({ kind: "open" }) };
    },
  };
}

/** Between one gateway and one node, or all of them: nobody else sees anything. */
function gatewayToNodes(trouble: Trouble, isAll: boolean): FaultKind {
  return {
    name: `gateway-${isAll ? "all" : "node"}.${trouble.name}`,
    lastsMs: trouble.lastsMs,
    weight: 0.7,
    begin(victims, random) {
      return harmGateway(victims, random, trouble, isAll);
    },
  };
}

function harmGateway({ system, gateways }: Victims, random: Random, trouble: Trouble, isAll: boolean): Harm {
  const { name } = random.oneOf(gateways);
  const allowance: Allowance = { holdsCalls: trouble.holdsCalls, unavailableAfterMs: 0 };
  return harmLinks({ name, links: system.gatewayLinks.get(name) ?? [], allowance }, random, trouble, isAll);
}

/** Between the gateway with the pages and one node, or all of them: its pages may be late, or say that they are stale. */
function deliveryToNodes(trouble: Trouble, isAll: boolean): FaultKind {
  return {
    name: `delivery-${isAll ? "all" : "node"}.${trouble.name}`,
    lastsMs: trouble.lastsMs,
    weight: 0.5,
    begin({ system }, random) {
      const allowance: Allowance = { page: { part: "whole", afterMs: 3_000 }, unavailableAfterMs: 0 };
      return harmLinks({ name: "delivery", links: system.delivery.links, allowance }, random, trouble, isAll);
    },
  };
}

function harmLinks(
  of: { readonly name: string; readonly links: readonly Link[]; readonly allowance: Allowance },
  random: Random,
  trouble: Trouble,
  isAll: boolean,
): Harm {
  const { name, links, allowance } = of;
  const one = random.oneOf(links);
  const harmed = isAll ? links : [one];
  const state = trouble.state(random);
  for (const link of harmed) link.turn(state);
  const heal = () => {
    for (const link of harmed) link.turn({ kind: "open" });
  };
  return { target: isAll ? name : `${name} to node ${links.indexOf(one)}`, allowance, heal };
}

export const linkFaults: readonly FaultKind[] = [
  ...[cut, stall, slow, flap].map(nodeToRedis),
  ...[cut, stall, slow, flap].map(allToRedis),
  ...[cut, stall, slow].map(nodeToKafka),
  ...[cut, stall, slow, flap].flatMap((trouble) => [gatewayToNodes(trouble, false), gatewayToNodes(trouble, true)]),
  ...[cut, stall, slow, flap].flatMap((trouble) => [deliveryToNodes(trouble, false), deliveryToNodes(trouble, true)]),
];
