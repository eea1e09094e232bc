import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { containersOf, environmentOfService } from "./testing/compose-file.ts";
import { read, runbook } from "./testing/files.ts";
import { matches } from "./testing/matches.ts";
import { alertNames, dashboards, queries } from "./testing/queries.ts";

describe("dashboards", () => {
  for (const [file, { panels, variables }] of dashboards) {
    test(`every panel of ${file} queries the data source that is chosen above, the provisioned one at first`, () => {
      const [uid] = matches(read("grafana/provisioning/datasources/prometheus.yaml"), /^ +uid: (\w+)$/gm);
      assert.equal(variables.get("datasource")?.current.value, uid);
      assert.ok(panels.length > 0);
      for (const { title, targets } of panels) {
        assert.ok(targets.length > 0, `${title} queries nothing`);
        for (const { datasource } of targets) assert.match(datasource.uid, /^\$\{datasource\}$/, title);
      }
    });

    test(`every panel of ${file} shows the instances that are chosen above, all at first`, () => {
      const job = file.replace(".json", "");
      const { query, current } = variables.get("instance") ?? {};
      assert.deepEqual(
        [query, current?.value],
        [{ query: `label_values(up{job="${job}"}, instance)`, refId: "instance" }, ["$__all"]],
      );
      for (const { title, targets } of panels) {
        for (const { expr } of targets) {
          const ofJob = matches(expr, new RegExp(`\\b(?:${job}_\\w+|process_\\w+|nodejs_\\w+|up)({[^}]*})?`, "g"));
          for (const selector of ofJob) assert.ok(selector.includes('instance=~"$instance"'), `${title}: ${expr}`);
        }
      }
    });

    test(`panels of ${file} do not lie on one another`, () => {
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length);
    });
  }
});

describe("alerts", () => {
  test("each has a query", () => {
    assert.equal(queries.filter(({ place }) => place.startsWith("alert ")).length, alertNames.length);
    assert.equal(new Set(alertNames).size, alertNames.length);
  });

  test("docs/runbook.md has a section for each, and for no others", () => {
    assert.deepEqual(matches(runbook(), /^### (.+)$/gm).sort(), [...alertNames].sort());
  });
});

describe("prometheus.yml", () => {
  for (const service of ["presence", "delivery"] as const) {
    test(`reads every container of ${service} where it serves its metrics`, () => {
      const [targets = ""] = matches(
        read("prometheus/prometheus.yml"),
        new RegExp(`job_name: ${service}\\n +static_configs:\\n +- targets: \\[(.+)\\]`, "g"),
      );
      const port = environmentOfService(service).HTTP_ADDR?.split(":").at(-1);
      assert.deepEqual(
        matches(targets, /"([^"]+)"/g),
        containersOf(service).map((name) => `${name}:${port}`),
      );
    });
  }
});
