import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { collectDefaultMetrics, Registry } from "prom-client";
import { loadConfig } from "../../services/presence/config.ts";
import { presenceMetrics } from "./metrics.ts";

const folder = import.meta.dirname;
const root = join(folder, "../..");
const read = (path: string) => readFileSync(join(folder, path), "utf8");

const compose = read("compose.yaml");
const dockerfile = read("presence.Dockerfile");
const services = sectionsOf(compose.slice(compose.indexOf("\nservices:\n")), 2);
const presenceNodes = [...services].filter(([, section]) => section.includes("<<: *presence"));
const environment = environmentOf(compose.slice(compose.indexOf("\nx-presence:"), compose.indexOf("\nservices:\n")));

describe("compose.yaml", () => {
  test("has the whole system, with two presence nodes", () => {
    assert.deepEqual([...services.keys()].sort(), [
      "grafana",
      "kafka",
      "presence-1",
      "presence-2",
      "prometheus",
      "redis",
    ]);
    assert.deepEqual(
      presenceNodes.map(([name]) => name),
      ["presence-1", "presence-2"],
    );
  });

  test("pins every image to an exact version", () => {
    const images = [
      ...matches(compose, /^ +image: (\S+)$/gm).filter((image) => image !== "realchat-presence:local"),
      ...matches(dockerfile, /^FROM (\S+)/gm),
    ];
    assert.equal(images.length, 6);
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
    assert.match(dockerfile, /^HEALTHCHECK /m);
    for (const [name, section] of services) {
      const isChecked = /^ +healthcheck:$/m.test(section) || section.includes("<<: *presence");
      assert.ok(isChecked, `${name} has no health check`);
    }
  });

  test("refers to files that are there", () => {
    const [context = ""] = matches(compose, /^ +context: (\S+)$/gm);
    assert.equal(join(folder, context), root);
    const files = [
      ...matches(compose, /^ +dockerfile: (\S+)$/gm).map((path) => join(root, path)),
      ...matches(compose, /^ +- (\.\/[^:]+):/gm).map((path) => join(folder, path)),
      ...matches(dockerfile, /CMD \["node", "(\S+)"\]/g).map((path) => join(root, path)),
      ...matches(read("prometheus/prometheus.yml"), /^ +- (\w+\.yml)$/gm).map((path) =>
        join(folder, "prometheus", path),
      ),
    ];
    assert.equal(files.length, 7);
    for (const file of files) assert.ok(existsSync(file), `${file} is missing`);
    assert.match(compose, /GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: \/etc\/grafana\/dashboards\/presence\.json/);
  });

  test("configures presence as the service itself accepts it, with Redis and Kafka", () => {
    const start = loadConfig([], environment);
    assert.equal(start.kind, "run");
    assert.deepEqual(start.config.listen.grpc, { host: "0.0.0.0", port: 50056 });
    assert.equal(start.config.store.kind, "redis");
    assert.deepEqual(start.config.events.publishers, ["kafka", "redis-pubsub"]);
    assert.ok(compose.includes(`INSIDE://${environment.KAFKA_BROKERS}`), "Kafka advertises another address");
  });

  test("says ALLOW_INSECURE because presence would refuse to start without", () => {
    assert.throws(() => loadConfig([], { ...environment, ALLOW_INSECURE: "false" }), /ALLOW_INSECURE/);
  });

  test("gives a node more time to stop than it takes to drain", () => {
    const [graceSeconds] = matches(compose, /^ +stop_grace_period: (\d+)s$/gm);
    const start = loadConfig([], environment);
    assert.ok(start.kind === "run" && Number(graceSeconds) * 1000 > start.config.drainTimeoutMs);
  });

  test("lets Redis refuse writes rather than evict users", () => {
    assert.match(services.get("redis") ?? "", /- --maxmemory-policy\n +- noeviction\n/);
  });

  test("leaves no password at its default: nobody can log in to Grafana", () => {
    const grafana = environmentOf(services.get("grafana") ?? "");
    assert.equal(grafana.GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION, "true");
    assert.equal(grafana.GF_AUTH_DISABLE_LOGIN_FORM, "true");
    assert.equal(grafana.GF_AUTH_BASIC_ENABLED, "false");
    assert.equal(grafana.GF_AUTH_ANONYMOUS_ORG_ROLE, "Viewer");
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

describe("presence.Dockerfile", () => {
  test("does not run as root", () => {
    assert.equal(matches(dockerfile, /^USER (\S+)$/gm).at(-1), "node");
  });

  test("is sent what it needs and no installed packages", () => {
    const ignored = read("presence.Dockerfile.dockerignore").split("\n");
    for (const line of ["*", "!package.json", "!package-lock.json", "!packages", "!services", "**/node_modules"]) {
      assert.ok(ignored.includes(line), `${line} is missing`);
    }
    for (const kept of ignored.filter((line) => line.startsWith("!"))) {
      assert.ok(existsSync(join(root, kept.slice(1))), `${kept} keeps what is not there`);
    }
  });
});

describe("monitoring", () => {
  const dashboard = JSON.parse(read("grafana/dashboards/presence.json")) as Dashboard;
  const panels = dashboard.panels.filter(({ type }) => type !== "row");
  const alerts = read("prometheus/alerts.yml");
  const alertNames = matches(alerts, /^ +- alert: (\w+)$/gm);
  const alertQueries = matches(alerts, /^ {8}expr: ((?:.|\n {10})+)$/gm);
  const operations = readFileSync(join(root, "docs/operations.md"), "utf8");

  test("every panel of the dashboard queries the provisioned data source", () => {
    const [uid] = matches(read("grafana/provisioning/datasources/prometheus.yaml"), /^ +uid: (\w+)$/gm);
    assert.ok(panels.length > 0);
    for (const { title, targets } of panels) {
      assert.ok(targets.length > 0, `${title} queries nothing`);
      for (const { datasource } of targets) assert.equal(datasource.uid, uid, title);
    }
  });

  test("panels do not lie on one another", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
  });

  test("dashboard and alerts speak only of metrics and labels that a node exposes", () => {
    const known = knownNames();
    const queries = [...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...alertQueries];
    assert.equal(alertQueries.length, alertNames.length);
    for (const query of queries) {
      const metrics = matches(query, /\b((?:presence|process|nodejs)_[a-z0-9_]+)/g);
      assert.ok(metrics.length > 0 || query.includes("up{"), `${query} queries no metric`);
      for (const metric of metrics) assert.ok(known.metrics.has(metric), `${metric} in ${query}`);
      const labels = [
        ...matches(query, /(\w+)(?:=|!=|=~|!~)"/g),
        ...matches(query, /\bby \(([\w, ]+)\)/g).flatMap((list) => list.split(", ")),
      ];
      for (const label of labels) assert.ok(known.labels.has(label), `${label} in ${query}`);
    }
  });

  test("every metric is on the dashboard", () => {
    const shown = JSON.stringify(panels);
    for (const metric of Object.keys(presenceMetrics)) assert.ok(shown.includes(metric), `${metric} is not shown`);
  });

  test("docs/operations.md explains every metric and every alert", () => {
    for (const metric of Object.keys(presenceMetrics)) {
      assert.ok(operations.includes(`\`${metric}`), `${metric} is not explained`);
    }
    for (const alert of alertNames) assert.ok(operations.includes(`### ${alert}\n`), `${alert} has no section`);
  });

  test("Prometheus reads every presence node where it serves its metrics", () => {
    const [targets = ""] = matches(read("prometheus/prometheus.yml"), /targets: \[(.+)\]/g);
    const port = environment.HTTP_ADDR?.split(":").at(-1);
    assert.deepEqual(
      matches(targets, /"([^"]+)"/g),
      presenceNodes.map(([name]) => `${name}:${port}`),
    );
  });

  test("every YAML file indents by spaces in steps of two", () => {
    for (const path of globSync("**/*.{yaml,yml}", { cwd: folder })) {
      for (const line of read(path).split("\n")) assert.match(line, /^(?: {2})*(?:\S|$)/, `${path}: "${line}"`);
    }
  });
});

interface Dashboard {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  }[];
}

/** What can be queried: our metrics, a histogram's series, and prom-client's own. */
function knownNames(): { metrics: ReadonlySet<string>; labels: ReadonlySet<string> } {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const own = Object.keys(presenceMetrics);
  const series = own.filter((name) => name.endsWith("_duration_seconds")).map((name) => `${name}_bucket`);
  const ofProcess = register.getMetricsAsArray().map(({ name }) => name);
  return {
    metrics: new Set([...own, ...series, ...ofProcess]),
    // Beside ours: Prometheus's own, and the bound of a histogram's bucket.
    labels: new Set([...Object.values(presenceMetrics).flat(), "job", "instance", "le"]),
  };
}

/** The values of a mapping at this indentation, as text, by key: enough of YAML for files of our own. */
function sectionsOf(yaml: string, indent: number): Map<string, string> {
  const key = new RegExp(`^ {${indent}}([\\w-]+):`, "gm");
  const starts = [...yaml.matchAll(key)];
  return new Map(
    starts.map((start, index) => [start[1] ?? "", yaml.slice(start.index, starts[index + 1]?.index ?? yaml.length)]),
  );
}

/** The first `environment` mapping in a piece of YAML. */
function environmentOf(yaml: string): Readonly<Record<string, string>> {
  const [mapping = ""] = matches(yaml, /^ +environment:\n((?: +(?:#.*|[A-Z_]+: .+)\n)+)/gm);
  return Object.fromEntries(
    [...mapping.matchAll(/^ +([A-Z_]+): "?([^"\n]+)"?$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** The first group of every match. */
function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group]) => group ?? "");
}

function dockerComposeIsInstalled(): boolean {
  return spawnSync("docker", ["compose", "version"], { timeout: 10_000 }).status === 0;
}
