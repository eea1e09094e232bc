import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { provideChartCheck, runCommand, temporaryFolder } from "@realchat/presence-testing";
import { loadConfig as loadDelivery } from "../../services/delivery/config.ts";
import { loadConfig as loadPresence } from "../../services/presence/config.ts";

/** Renders the chart as Helm does; the checks of its objects are in check/invariants.go. */

const chart = join(import.meta.dirname, "realchat-presence");
const program = await provideChartCheck();
const folder = temporaryFolder("chart");

interface Report {
  readonly problems: readonly string[];
  readonly objects: readonly string[];
  readonly containers: readonly Container[];
}

interface Container {
  readonly name: string;
  readonly graceSeconds: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

const valueFiles = globSync("ci/*.yaml", { cwd: chart }).sort();

describe("the chart", () => {
  for (const file of valueFiles) {
    test(`${basename(file)}: objects are what the Kubernetes API takes, and fit each other`, async () => {
      const { problems, objects } = await render(chart, join(chart, file));
      assert.deepEqual(problems, []);
      assert.ok(objects.includes("Deployment chat-presence") && objects.includes("Deployment chat-delivery"));
    });

    test(`${basename(file)}: the services start with these settings, and drain before they are killed`, async () => {
      for (const container of (await render(chart, join(chart, file))).containers) {
        const environment = environmentOf(container);
        const start = container.name === "presence" ? loadPresence([], environment) : loadDelivery([], environment);
        assert.ok(start.kind === "run");
        const { delayMs, timeoutMs } = start.config.drain;
        assert.ok(container.graceSeconds * 1_000 > delayMs + timeoutMs);
      }
    });
  }

  test("has everything when all is asked for, and nothing of it by default", async () => {
    const kinds = async (file: string) => {
      const { objects } = await render(chart, join(chart, "ci", file));
      return new Set(objects.map((object) => object.split(" ")[0]));
    };
    const least = ["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"];
    const more = ["Certificate", "ConfigMap", "HorizontalPodAutoscaler", "PrometheusRule", "ServiceMonitor"];
    assert.deepEqual([...(await kinds("least.yaml"))].sort(), least);
    assert.deepEqual([...(await kinds("whole.yaml"))].sort(), [...least, ...more].sort());
  });

  for (const [what, values, complaint] of [
    ["nothing is given", "{}", /redis\.url is empty/],
    ["gateways have no key", "redis: { url: redis://a:6379 }", /no key to check tokens with: give JWT_SECRET/],
    ["a URL has a password", "redis: { url: redis://me:pass@a:6379 }", /redis\/url|redis\.url/],
    [
      "a setting is secret",
      "presence: { settings: { REDIS_PASSWORD: hunter2 } }",
      /presence\.settings has REDIS_PASSWORD/,
    ],
    ["a node has no spare", "presence: { replicas: 1 }", /replicas/],
    ["a value is not known", "presence: { replica: 3 }", /replica/],
    ["a file comes from nowhere", "delivery: { files: { JWT_PUBLIC_KEY: { key: a } } }", /JWT_PUBLIC_KEY/],
    ["SASL has no secret", "kafka: { sasl: { mechanism: PLAIN } }", /existingSecret/],
    [
      "gateways cannot show who they are",
      "presence: { tls: { requireClientCertificates: true } }",
      /clientCertificateSecret/,
    ],
  ] as const) {
    test(`is refused when ${what}`, async () => {
      const file = join(folder.path, "wrong.yaml");
      writeFileSync(file, values);
      const least =
        what === "nothing is given" || what === "gateways have no key" ? [] : [join(chart, "ci/least.yaml")];
      const { ok, output } = await runCommand(program, [chart, ...least, file]);
      assert.ok(!ok, output);
      assert.match(output, complaint);
    });
  }
});

describe("the check", () => {
  for (const [file, from, to, complaint] of [
    [
      "_deployment.tpl",
      "$values.drainTimeoutSeconds 10",
      "0",
      /Deployment chat-presence: is killed after 5s, and drains for 20s/,
    ],
    ["_deployment.tpl", "minReadySeconds: 15", "minReadySeconds: 5", /a pod leaves before callers know its successor/],
    [
      "_deployment.tpl",
      "path: /health/live, port: operations",
      "path: /health/ready, port: operations",
      /probe does not ask \/health\/live/,
    ],
    [
      "_deployment.tpl",
      "periodSeconds: 1\n",
      "period: 1\n",
      /unknown field "spec.template.spec.containers\[0\].startupProbe.period"/,
    ],
    [
      "presence/deployment.yaml",
      '"GRPC_ADDR" ":50056"',
      '"GRPC_ADDR" ":50057"',
      /listens on \[8096 50057\], declares \[8096 50056\]/,
    ],
    ["presence/service.yaml", "clusterIP: None", "type: ClusterIP", /PRESENCE_SVC_ADDR=\S+ is no headless Service/],
    [
      "_names.tpl",
      "app.kubernetes.io/name: {{ index . 1 }}",
      "app.kubernetes.io/name: realchat",
      /matches? (the )?pods of/,
    ],
    ["disruption.yaml", "maxUnavailable: 1", "maxUnavailable: 2", /lets more than one pod go/],
  ] as const) {
    test(`complains about ${to} in ${file}`, async () => {
      const copy = join(folder.path, "broken");
      cpSync(chart, copy, { recursive: true, dereference: true, force: true });
      const template = join(copy, "templates", file);
      const text = readFileSync(template, "utf8");
      assert.ok(text.includes(from), `${file} has no ${from}`);
      writeFileSync(template, text.replace(from, to));
      const { problems } = await render(copy, join(chart, "ci/least.yaml"));
      assert.match(problems.join("\n"), complaint);
    });
  }
});

async function render(from: string, ...values: readonly string[]): Promise<Report> {
  const { ok, output } = await runCommand(program, [from, ...values]);
  assert.ok(ok, output);
  return JSON.parse(output) as Report;
}

const { ca, server } = issueCertificates();
const { publicKey } = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const pemFiles: Readonly<Record<string, string>> = {
  "tls.crt": server.certificate,
  "tls.key": server.key,
  "public.pem": publicKey,
};

/** What a container would have, with secrets, and with the files that its settings name. */
function environmentOf({ settings, secrets }: Container): Record<string, string> {
  const given = Object.entries(settings).map(([name, value]) => {
    if (!value.startsWith("/")) return [name, value];
    const file = join(folder.path, value);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, pemFiles[basename(value)] ?? ca);
    return [name, file];
  });
  const hidden = secrets.map((name) => [name, "what a Secret would have, 32 bytes"]);
  return Object.fromEntries([...given, ...hidden]);
}
