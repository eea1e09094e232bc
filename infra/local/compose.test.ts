import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadConfig as loadDelivery } from "../../services/delivery/config.ts";
import { loadConfig as loadPresence } from "../../services/presence/config.ts";
import { compose, containersOf, environmentOf, environmentOfService, services } from "./testing/compose-file.ts";
import { folder, read, root } from "./testing/files.ts";
import { matches } from "./testing/matches.ts";

const dockerfile = read("Dockerfile");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
const ofPresence = environmentOfService("presence");
const ofDelivery = environmentOfService("delivery");
const built = ["presence", "delivery"] as const;

describe("compose.yaml", () => {
  test("has the whole system, with two presence nodes and two gateways", () => {
    const bought = ["grafana", "kafka", "prometheus", "redis"];
    assert.deepEqual(containersOf("presence"), ["presence-1", "presence-2"]);
    assert.deepEqual(containersOf("delivery"), ["delivery-1", "delivery-2"]);
    assert.deepEqual(
      [...services.keys()].sort(),
      [...bought, ...containersOf("presence"), ...containersOf("delivery")].sort(),
    );
  });

  test("pins every image that is not built here to an exact version", () => {
    const images = [
      ...matches(compose, /^ +image: (\S+)$/gm).filter((image) => !image.endsWith(":local")),
      ...matches(dockerfile, /^ARG NODE_IMAGE=(\S+)$/gm),
    ];
    assert.equal(images.length, 5);
    for (const base of matches(dockerfile, /^FROM (\S+) AS (?:installed|service)$/gm)) {
      assert.match(base, /^\$\{NODE_IMAGE\}$/);
    }
    for (const image of images) assert.match(image, /^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?(@sha256:[0-9a-f]{64})?$/);
  });

  test("publishes ports on loopback alone, each once", () => {
    const ports = matches(compose, /^ +- "?([\d.:]+:\d+)"?$/gm);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
    assert.equal(new Set(ports.map((port) => port.split(":")[1])).size, ports.length);
    for (const [name, section] of services) assert.match(section, /^ +ports:$/m, `${name} publishes no port`);
    assert.doesNotMatch(compose, /network_mode|privileged/);
  });

  test("checks the health of every service", () => {
    for (const [name, section] of services) {
      const isBuilt = built.some((service) => containersOf(service).includes(name));
      assert.ok(isBuilt || /^ +healthcheck:$/m.test(section), `${name} has no health check`);
    }
  });

  test("refers to files that are there", () => {
    const files = [
      ...matches(compose, /^ +dockerfile: (\S+)$/gm).map((path) => join(root, path)),
      ...matches(compose, /^ +- (\.\/[^:]+):/gm).map((path) => join(folder, path)),
      ...matches(dockerfile, /"node",(?: "--[^"]+",)* "([^"]+)"/g).map((path) => join(root, path)),
      ...matches(read("prometheus/prometheus.yml"), /^ +- (\S+\.yml)$/gm).map((path) =>
        join(folder, "prometheus", path),
      ),
      ...matches(compose, /\/etc\/grafana\/(dashboards\/\S+\.json)/g).map((path) => join(folder, "grafana", path)),
    ];
    assert.equal(files.length, 11);
    for (const file of files) assert.ok(existsSync(file), `${file} is missing`);
    for (const context of matches(compose, /^ +context: (\S+)$/gm)) assert.equal(join(folder, context), root);
  });

  test("configures presence as the service itself accepts it, with Redis and Kafka", () => {
    const start = loadPresence([], ofPresence);
    assert.equal(start.kind, "run");
    assert.deepEqual(start.config.listen.grpc, { host: "0.0.0.0", port: 50056 });
    assert.equal(start.config.store.kind, "redis");
    assert.deepEqual(start.config.events.publishers, ["kafka", "redis-pubsub"]);
    assert.ok(compose.includes(`INSIDE://${ofPresence.KAFKA_BROKERS}`), "Kafka advertises another address");
  });

  test("configures delivery as the service itself accepts it, on what presence runs on and on both its nodes", () => {
    const start = loadDelivery([], ofDelivery);
    assert.equal(start.kind, "run");
    const { listen, presence, feed, audience, kafka, servesPage } = start.config;
    assert.deepEqual(listen.sockets, { host: "0.0.0.0", port: 8083 });
    assert.deepEqual(
      presence.addresses,
      containersOf("presence").map((node) => `${node}:50056`),
    );
    assert.equal(feed, "kafka");
    assert.deepEqual(kafka?.brokers, [ofPresence.KAFKA_BROKERS]);
    assert.equal(audience.redis?.url, ofPresence.REDIS_URL);
    assert.ok(servesPage && audience.hasSampleCast, "the page has no user to sign in as");
  });

  test("says ALLOW_INSECURE and ALLOW_UNAUTHENTICATED because a service would refuse to start without", () => {
    assert.throws(() => loadPresence([], { ...ofPresence, ALLOW_INSECURE: "false" }), /ALLOW_INSECURE/);
    assert.throws(() => loadDelivery([], { ...ofDelivery, ALLOW_INSECURE: "false" }), /ALLOW_INSECURE/);
    assert.throws(() => loadDelivery([], { ...ofDelivery, ALLOW_UNAUTHENTICATED: "false" }), /ALLOW_UNAUTHENTICATED/);
  });

  test("gives what is stopped more time than it takes to drain", () => {
    const [graceSeconds] = matches(compose, /^ +stop_grace_period: (\d+)s$/gm);
    const [presence, delivery] = [loadPresence([], ofPresence), loadDelivery([], ofDelivery)];
    assert.ok(presence.kind === "run" && Number(graceSeconds) * 1000 > presence.config.drain.timeoutMs);
    assert.ok(delivery.kind === "run" && Number(graceSeconds) * 1000 > delivery.config.drain.timeoutMs);
    for (const service of built)
      assert.match(compose, new RegExp(`^x-${service}: &${service}\n {2}<<: \\*service$`, "m"));
  });

  test("lets Redis refuse writes rather than evict users", () => {
    assert.match(services.get("redis") ?? "", /- --maxmemory-policy\n +- noeviction\n/);
  });

  test("leaves no default password: there is no login to Grafana", () => {
    const grafana = environmentOf(services.get("grafana") ?? "");
    assert.equal(grafana.GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION, "true");
    assert.equal(grafana.GF_AUTH_DISABLE_LOGIN_FORM, "true");
    assert.equal(grafana.GF_AUTH_BASIC_ENABLED, "false");
    assert.equal(grafana.GF_AUTH_ANONYMOUS_ORG_ROLE, "Viewer");
  });

  test("and every other YAML file indents by spaces in steps of two", () => {
    for (const path of globSync("**/*.{yaml,yml}", { cwd: folder })) {
      for (const line of read(path).split("\n")) assert.match(line, /^(?: {2})*(?:\S|$)/, `${path}: "${line}"`);
    }
  });

  if (dockerComposeIsInstalled()) {
    test("is accepted by docker compose", () => {
      const { status, stderr } = spawnSync("docker", ["compose", "config", "--quiet"], {
        cwd: folder,
        encoding: "utf8",
        timeout: 30_000,
      });
      assert.equal(status, 0, stderr);
    });
  } else {
    console.warn("docker compose is not installed, so compose.yaml was checked without it.");
    console.warn("Debian, with Docker's repository: apt-get install docker-compose-plugin");
  }
});

describe("Dockerfile", () => {
  const [base = "", ...targets] = dockerfile.split(/^(?=FROM service AS )/m);

  test("makes one image for each service, and neither runs as root", () => {
    assert.deepEqual(matches(dockerfile, /^FROM service AS (\w+)$/gm), built);
    assert.deepEqual(matches(compose, /^ +target: (\w+)$/gm), built);
    assert.equal(matches(base, /^USER (\S+)$/gm).at(-1), "node");
    for (const target of targets) assert.doesNotMatch(target, /^USER /m);
  });

  test("starts each service as npm does, exposes the ports that it listens on, and asks it for its health", () => {
    for (const [index, service] of built.entries()) {
      const target = targets[index] ?? "";
      const environment = environmentOfService(service);
      const port = (name: string) => environment[name]?.split(":").at(-1);
      const operations = port("HTTP_ADDR");
      const [, flags = ""] = /require-node-24\.mjs (.*)services\//.exec(scripts[`start:${service}`] ?? "") ?? [];
      const command = ["node", ...flags.split(" ").filter(Boolean), `services/${service}/main.ts`];
      assert.ok(target.includes(`\nCMD ${JSON.stringify(command).replaceAll(",", ", ")}\n`), command.join(" "));
      assert.match(target, new RegExp(`^EXPOSE ${port("GRPC_ADDR") ?? port("HTTP_PORT")} ${operations}$`, "m"));
      assert.match(
        target,
        new RegExp(`^HEALTHCHECK .*\n +CMD \\["node", "infra/local/healthy.ts", "${operations}"\\]`, "m"),
      );
    }
  });

  test("and all other ways to start a gateway give Node the same flags", () => {
    const [, flags = ""] = /CMD \["node", (.*), "services\/delivery\/main.ts"\]/.exec(dockerfile) ?? [];
    for (const path of ["scripts/start/services.ts", "packages/testing/delivery.ts"]) {
      assert.ok(readFileSync(join(root, path), "utf8").includes(`[${flags}]`), `${path} has [${flags}]`);
    }
  });

  test("is built as a release for both architectures, on a base by digest, with labels that say what it is", () => {
    const bake = readFileSync(join(root, "infra/images/docker-bake.hcl"), "utf8");
    assert.deepEqual(matches(bake, /^ {2}target {3}= "(\w+)"$/gm), built);
    assert.match(bake, /platforms +=.*"linux\/amd64", "linux\/arm64"/);
    assert.match(bake, /NODE_IMAGE has no digest/);
    for (const label of ["title", "version", "revision", "created", "base.digest"]) {
      assert.ok(bake.includes(`"org.opencontainers.image.${label}"`), label);
    }
    for (const argument of ["NODE_IMAGE", "REVISION"]) assert.match(dockerfile, new RegExp(`^ARG ${argument}=`, "m"));
  });

  test("is sent what it needs and no installed packages", () => {
    const ignored = read("Dockerfile.dockerignore").split("\n");
    for (const line of ["*", "!package.json", "!package-lock.json", "!packages", "!services", "**/node_modules"]) {
      assert.ok(ignored.includes(line), `${line} is missing`);
    }
    for (const kept of ignored.filter((line) => line.startsWith("!"))) {
      assert.ok(existsSync(join(root, kept.slice(1))), `${kept} keeps what is not there`);
    }
  });
});

function dockerComposeIsInstalled(): boolean {
  return spawnSync("docker", ["compose", "version"], { timeout: 10_000 }).status === 0;
}
