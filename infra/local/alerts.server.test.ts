import assert from "node:assert/strict";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type Promtool,
  prometheusImage,
  providePromtool,
  runPromtool,
  temporaryFolder,
} from "@realchat/presence-testing";
import { type AlertCase, alertCases } from "./testing/alert-cases.ts";
import { folder, read } from "./testing/files.ts";
import { alertNames, alertRules } from "./testing/queries.ts";

/** Runs the alert rules with promtool, on invented series. */

let promtool: Promtool;
const rules = temporaryFolder("alerts");

before(async () => {
  promtool = await providePromtool();
  for (const file of ["prometheus.yml", "alerts.yml"]) {
    copyFileSync(join(folder, "prometheus", file), join(rules.path, file));
  }
  // A case takes its own rule alone: all of them would be evaluated for each, every few seconds of its time.
  for (const [alert, rule] of alertRules) {
    writeFileSync(join(rules.path, `${alert}.yml`), `groups:\n  - name: ${alert}\n    rules:\n${rule}`);
  }
});

after(() => rules.remove());

test("Prometheus takes its configuration, and all rules", async () => {
  const config = await runPromtool(promtool, ["check", "config", "prometheus.yml"], rules.path);
  assert.ok(config.ok, config.output);
  const { ok, output } = await runPromtool(promtool, ["check", "rules", "alerts.yml"], rules.path);
  assert.ok(ok, output);
  assert.match(output, new RegExp(`${alertNames.length} rules found`));
});

test("the checker is of the image that infra/local runs", () => {
  assert.ok(read("compose.yaml").includes(`image: ${prometheusImage}\n`), prometheusImage);
});

test("every rule has a case in which it fires", () => {
  const fired = new Set(alertCases.filter(({ fires }) => fires).map(({ alert }) => alert));
  assert.deepEqual([...fired].sort(), [...alertNames].sort());
});

test("cases take every rule, and the whole of it", () => {
  assert.deepEqual([...alertRules.keys()], alertNames);
  const rest = [...alertRules.values()].reduce((text, rule) => text.replace(rule, ""), read("prometheus/alerts.yml"));
  assert.match(rest, /^(#.*\n)+groups:\n( {2}- name: \w+\n {4}rules:\n|\n)+$/);
});

describe("an alert", () => {
  for (const [index, each] of alertCases.entries()) {
    test(`${each.alert} ${each.fires ? "fires" : "is quiet"}: ${each.when}`, async () => {
      const file = `case-${index}.json`;
      writeFileSync(join(rules.path, file), JSON.stringify(unitTest(each)));
      const { ok, output } = await runPromtool(promtool, ["test", "rules", file], rules.path);
      assert.ok(ok, output);
    });
  }
});

/** https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules; JSON is YAML. */
function unitTest({ alert, series, at, fires }: AlertCase): object {
  return {
    rule_files: [`${alert}.yml`],
    evaluation_interval: "5s",
    tests: [
      {
        interval: "5s",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
            eval_time: at,
            exp_samples: fires ? [{ labels: "{}", value: 1 }] : [],
          },
        ],
      },
    ],
  };
}
