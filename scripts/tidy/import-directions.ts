import { posix } from "node:path";
import { isForTests, type Problem, type Tree } from "./problem.ts";
import { type Import, importsOf, isSource } from "./source.ts";

/** Checks the direction of every import: what a file may know decides what can be changed without reading it. */
export function checkImportDirections(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [file, source] of tree) {
    if (!isSource(file)) continue;
    for (const found of importsOf(source)) {
      for (const rule of [withinItsPart, inItsLayer, ofItsClient, ofTheProduct]) {
        const objection = rule(file, found);
        if (objection === undefined) continue;
        problems.push({ file, line: found.line, what: `imports ${found.target}`, ...objection });
        break;
      }
    }
  }
  return problems;
}

type Objection = Pick<Problem, "why" | "instead">;

/** `services/presence` of `services/presence/rpc/wire.ts`; undefined outside of services and packages. */
function partOf(file: string): string | undefined {
  return /^(services|packages)\/[^/]+/.exec(file)?.[0];
}

function resolve(file: string, target: string): string {
  return target.startsWith(".") ? posix.join(posix.dirname(file), target) : target;
}

function withinItsPart(file: string, { target }: Import): Objection | undefined {
  const own = partOf(file);
  const other = partOf(resolve(file, target));
  if (own === undefined || !target.startsWith(".") || other === own) return undefined;
  if (other?.startsWith("packages/")) {
    return {
      why: "a package is entered by its front door, so that what lies behind it can change.",
      instead: `Import it by the name in ${other}/package.json; what is missing there, export from its index.ts.`,
    };
  }
  if (own.startsWith("packages/")) {
    return {
      why: "packages never import services, so that every service can use every package.",
      instead: "Move what both need into a package, or pass it in. Map: docs/architecture.md",
    };
  }
  return {
    why: "services never import each other: they meet on the wire, and are deployed apart.",
    instead: "Move what both need into a package. Map: docs/architecture.md",
  };
}

type Layer = { readonly may: readonly string[]; readonly why: string; readonly instead: string };

const presencePorts = ["store/store.ts", "events/publisher.ts"];
const callersPorts = ["callers/api-access.ts", "callers/caller-accounts.ts"];
const pushPort = ["push/push.ts", "push/frame-sink.ts", "push/frame-format.ts", "push/dot.ts", "push/shown-user.ts"];
const privacyPort = ["privacy/policy.ts", "privacy/judge.ts", "privacy/policies.ts", "privacy/policy-directory.ts"];
const deliveryPorts = [
  ...pushPort,
  "push/presence-lookup.ts",
  "audience/directory.ts",
  "feed/feed.ts",
  "gateway/gateway-metrics.ts",
  "privacy/judge.ts",
  "privacy/directory-policies.ts",
  "self/self.ts",
];

const rpcPorts = ["service.ts", "status.ts", "message.ts"];

/** A layer of the RPC engine: each knows only those below it. */
function engineLayer(...may: string[]): Layer {
  return {
    may,
    why: "the layers of the RPC engine go frame, hpack, connection, stream, grpc, server, and know only those below.",
    instead: "Take it as a port, and let server/rpc-server.ts pass it in. Map: packages/rpc/README.md",
  };
}

/**
 * What the files of a folder may import of their service or package, by path from its root. `.` is for the files in
 * the root itself. main.ts and cli.ts wire things together and may import everything.
 */
const layers: Record<string, Record<string, Layer>> = {
  "services/presence": {
    domain: {
      may: ["domain/"],
      why: "domain imports only domain, so that every decision can be tested without a server.",
      instead: "Pass the value in from service/. Map: docs/architecture.md",
    },
    store: {
      may: ["domain/", "store/"],
      why: "store imports only domain, so that a store can be exchanged without a look at its callers.",
      instead: "Return the value through store/store.ts. Map: docs/architecture.md",
    },
    events: {
      may: ["domain/", "events/"],
      why: "events imports only domain, so that a publisher can be added without a look at its callers.",
      instead: "Pass the value through events/publisher.ts. Map: docs/architecture.md",
    },
    shards: {
      may: ["domain/", "shards/", ...presencePorts],
      why: "shards imports domain and the ports, so that its standing work is the same on every store and publisher.",
      instead:
        "Use the port, store/store.ts or events/publisher.ts, and extend it if need be. Map: docs/architecture.md",
    },
    watch: {
      may: ["domain/", "watch/"],
      why: "watch imports only domain, so that watching works on every store.",
      instead: "Pass the value in from service/. Map: docs/architecture.md",
    },
    rpc: {
      // A transition has one form on the wire, in Kafka as in WatchPresence.
      may: ["domain/", "rpc/", "service/", "store/store.ts", "events/codec.ts"],
      why: "rpc translates between wire and domain, nothing else.",
      instead: "Call service/presence-service.ts. Map: docs/architecture.md",
    },
    service: {
      may: ["domain/", "service/", "watch/", "store/store.ts"],
      why: "service says what presence does, whatever the store is and whoever calls.",
      instead: "Use the port, store/store.ts, and extend it if need be. Map: docs/architecture.md",
    },
    callers: {
      may: ["callers/"],
      why: "callers decides who may call, and nothing of what calls do.",
      instead: "Let main.ts pass it in. Map: docs/architecture.md",
    },
    ".": {
      may: ["domain/", "shards/", "watch/", ...callersPorts, ...presencePorts],
      why: "only main.ts wires things together, so that one file tells what runs with what.",
      instead:
        "Take the port, store/store.ts or events/publisher.ts, and let main.ts pass it in. Map: docs/architecture.md",
    },
  },
  "packages/rpc": {
    frame: engineLayer("frame/"),
    hpack: engineLayer("hpack/"),
    connection: engineLayer("connection/", "frame/", "hpack/", "limits.ts"),
    stream: engineLayer("stream/", "connection/", "frame/", "hpack/"),
    grpc: engineLayer("grpc/", "stream/", "connection/stream-end.ts", "hpack/", ...rpcPorts),
  },
  "services/delivery": {
    audience: {
      may: ["audience/", "privacy/policy.ts"],
      why: "audience knows only relations and what a policy says, so that who may see whom is decided in one place.",
      instead: "Let main.ts pass it in, or extend audience/directory.ts. Map: docs/architecture.md",
    },
    privacy: {
      // Policies are stored with the relations, and read from the same sources.
      may: ["privacy/", "audience/"],
      why: "privacy decides what of a user is shown, and knows neither sockets nor frames.",
      instead: "Let main.ts pass it in, or extend privacy/policies.ts. Map: docs/architecture.md",
    },
    feed: {
      may: ["feed/"],
      why: "feed knows only where changes come from, so that another source is one more file.",
      instead: "Tell it through feed/feed.ts. Map: docs/architecture.md",
    },
    push: {
      may: ["push/", "audience/directory.ts", "audience/listener.ts", "feed/feed.ts", ...privacyPort],
      why: "push knows its neighbours by their ports, so that its histories can be tested without a server.",
      instead: "Use audience/directory.ts or feed/feed.ts, and extend it if need be. Map: docs/architecture.md",
    },
    gateway: {
      may: ["gateway/", "privacy/policy.ts", "self/self.ts", ...pushPort],
      why: "gateway is about sockets: what they are told is the business of push and self.",
      instead: "Use push/push.ts or self/self.ts, and extend it if need be. Map: docs/architecture.md",
    },
    self: {
      may: [
        ...["self/", "feed/feed.ts", "push/lookup-request.ts", "push/lookups.ts", "push/presence-lookup.ts"],
        ...[...privacyPort, "privacy/privacy-error.ts"],
      ],
      why: "self knows its neighbours by their ports, and users' look-ups as push has them.",
      instead: "Let main.ts pass it in. Map: docs/architecture.md",
    },
    web: {
      may: ["web/", "audience/directory.ts"],
      why: "web serves files, and knows of relations only to make some up.",
      instead: "Let main.ts pass it in. Map: docs/architecture.md",
    },
    ".": {
      may: deliveryPorts,
      why: "only main.ts wires things together, so that one file tells what runs with what.",
      instead: "Take the port, and let main.ts pass it in. Map: docs/architecture.md",
    },
  },
};

function inItsLayer(file: string, { target }: Import): Objection | undefined {
  const part = partOf(file);
  if (part === undefined || isForTests(file)) return undefined;
  const path = posix.relative(part, file);
  const ofPart = layers[part] ?? {};
  const isInRoot = !path.includes("/");
  const layer = ofPart[isInRoot ? "." : (path.split("/")[0] as string)];
  if (layer === undefined || path === "main.ts" || path === "cli.ts") return undefined;
  const objection = { why: layer.why, instead: layer.instead };
  if (!target.startsWith(".")) return layer === ofPart.domain ? objection : undefined;
  const imported = posix.relative(part, resolve(file, target));
  const isBesides = isInRoot && !imported.includes("/") && imported !== "main.ts";
  return isBesides || layer.may.some((allowed) => imported.startsWith(allowed)) ? undefined : objection;
}

const clients: Record<string, { home: RegExp; instead: string }> = {
  "@redis/client": {
    home: /^packages\/redis\/|^(benchmarks|faults)\//,
    instead: "Connect through @realchat/presence-redis. Map: docs/architecture.md",
  },
  "@platformatic/kafka": {
    home: /^packages\/kafka\/|^benchmarks\//,
    instead: "Read and write through @realchat/presence-kafka. Map: docs/architecture.md",
  },
  "@grpc/grpc-js": {
    home: /^packages\/grpc\/|^benchmarks\//,
    instead: "Call through @realchat/presence-grpc, serve through @realchat/presence-rpc. Map: docs/architecture.md",
  },
};

function ofTheProduct(file: string, { target }: Import): Objection | undefined {
  const isTool = isForTests(file) || /^(scripts|benchmarks|faults|simulation)\//.test(file);
  const imported = resolve(file, target);
  const isOfTests =
    isForTests(imported) ||
    /^(faults|simulation)\//.test(imported) ||
    target === "fast-check" ||
    target.endsWith("testing");
  if (isTool || !isOfTests) return undefined;
  return {
    why: "what the product runs on never depends on its tests.",
    instead: "If this file serves tests alone, keep it in a folder `testing` beside them; else import something else.",
  };
}

function ofItsClient(file: string, { target }: Import): Objection | undefined {
  const client = clients[target];
  if (client === undefined || client.home.test(file) || isForTests(file)) return undefined;
  return { why: `${target} has one home, so that it can be exchanged there.`, instead: client.instead };
}
