import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { callerLine, newToken } from "@realchat/presence-runtime/callers";
import {
  freePort,
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect } from "../../services/delivery/testing/socket-client.ts";
import { type Exposition, readExposition } from "./testing/exposed-metrics.ts";
import { operationsGuide } from "./testing/files.ts";
import { matches } from "./testing/matches.ts";
import { metricsIn, queries } from "./testing/queries.ts";

/** Labels that Prometheus adds. */
const ofPrometheus = ["job", "instance"];

describe("what the services expose", () => {
  const PRESENCE_TOKEN = newToken();
  const folder = temporaryFolder("monitoring");
  const callers = join(folder.path, "callers");
  let presence: TestPresence;
  let delivery: TestDelivery;
  /** By service. */
  let exposed: Readonly<Record<"presence" | "delivery", Exposition>>;

  before(async () => {
    // Callers are counted where they are asked who they are.
    writeFileSync(callers, callerLine("gateway", ["gateway", "read", "watch-everyone"], PRESENCE_TOKEN));
    // Spans are counted where there is a collector for them; nobody answers at this one.
    const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
    presence = await startPresence({ env: { ...traced, API_TOKENS_FILE: callers } });
    delivery = await startDelivery({ env: { ...traced, PRESENCE_SVC_ADDR: presence.grpcAddress, PRESENCE_TOKEN } });
    await generateTraffic(delivery);
    exposed = { presence: await untilAllSeen(presence), delivery: await untilAllSeen(delivery) };
  });

  after(async () => {
    await Promise.all([delivery?.stop(), presence?.stop()]);
    folder.remove();
  });

  for (const service of ["presence", "delivery"] as const) {
    test(`docs/operations.md lists every metric of ${service} with its labels, and no other`, () => {
      const listed = [...operationsGuide().matchAll(/^\| `(\w+?)(?:\{([\w,]+)\})?` \|/gm)]
        .filter(([, name]) => name?.startsWith(`${service}_`))
        .map(([, name = "", labels]) => shown(name, labels?.split(",") ?? []));
      const ours = [...exposed[service].labels].filter(([name]) => name.startsWith(`${service}_`));
      assert.deepEqual(listed.sort(), ours.map(([name, labels]) => shown(name, labels)).sort());
    });

    test(`every metric of ${service} is on a dashboard`, () => {
      const queried = queries
        .filter(({ place }) => !place.startsWith("alert "))
        .flatMap(({ promql }) => metricsIn(promql));
      const names = new Set(queried.map((name) => name.replace(/_bucket$/, "")));
      for (const name of exposed[service].labels.keys()) {
        if (name.startsWith(`${service}_`)) assert.ok(names.has(name), `${name} is on no dashboard`);
      }
    });
  }

  test("dashboards and alerts speak only of metrics that are exposed, and of labels that these have", () => {
    for (const { place, promql, legend } of queries) {
      const named = metricsIn(promql);
      assert.ok(named.length > 0 || promql.includes("up{"), `${place}: ${promql} queries no metric`);
      const labels = new Set([...ofPrometheus, ...named.flatMap((name) => [...labelsOf(name, place)])]);
      for (const [, name = "", selector = ""] of promql.matchAll(/(\w+)\{([^}]*)\}/g)) {
        const own = new Set([...ofPrometheus, ...(name === "up" ? [] : labelsOf(name, place))]);
        for (const label of matches(selector, /(\w+)(?:=|!=|=~|!~)"/g)) {
          assert.ok(own.has(label), `${place}: ${name} has no label ${label}`);
        }
      }
      const grouped = matches(promql, /\bby \(([\w, ]+)\)/g).flatMap((list) => list.split(", "));
      for (const label of [...grouped, ...matches(legend, /\{\{(\w+)\}\}/g)]) {
        assert.ok(labels.has(label), `${place}: ${promql} has no label ${label}`);
      }
    }
  });

  function labelsOf(series: string, place: string): ReadonlySet<string> {
    const metric = series.replace(/_bucket$/, "");
    for (const { labels, histograms } of Object.values(exposed)) {
      const found = labels.get(metric);
      if (found === undefined) continue;
      if (!histograms.has(metric)) assert.equal(series, metric, `${place}: ${metric} is no histogram`);
      return series === metric ? found : new Set([...found, "le"]);
    }
    assert.fail(`${place}: nobody exposes ${series}`);
  }
});

function shown(name: string, labels: Iterable<string>): string {
  return `${name}{${[...labels].sort()}}`;
}

/** A metric with labels shows none until something was counted: a socket, a message, a close, a refusal. */
async function generateTraffic({ socketAddress: address }: TestDelivery): Promise<void> {
  await assert.rejects(connect({ address }), /400/);
  const client = await connect({ address, userId: "ada" });
  client.say({ type: "subscribe", users: ["bob"] });
  await client.untilSnapshot();
  client.socket.close();
  await client.untilClosed();
}

async function untilAllSeen({ httpAddress }: { readonly httpAddress: string }): Promise<Exposition> {
  let exposition: Exposition | undefined;
  await waitUntil(
    async () => {
      const response = await fetch(`http://${httpAddress}/metrics`, { signal: AbortSignal.timeout(5_000) });
      exposition = readExposition(await response.text());
      const ours = exposition.unseen.filter((name) => /^(presence|delivery)_/.test(name));
      if (ours.length > 0) throw new Error(`nothing was counted for ${ours.join(", ")}`);
      return true;
    },
    { what: `every metric of ${httpAddress} has a sample` },
  );
  return exposition as Exposition;
}
