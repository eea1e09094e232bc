import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Metrics } from "./metrics.ts";

describe("metrics", () => {
  test("a hot counter shows every slot that was asked for, at 0 until it is counted", async () => {
    const metrics = new Metrics();
    const calls = metrics.counter({ name: "calls_total", help: "Calls.", labels: ["method", "code"] });
    const ok = calls.slot({ method: "Get", code: "OK" });
    calls.slot({ method: "Get", code: "NOT_FOUND" });
    calls.add(ok);
    calls.add(ok, 2);
    assert.equal(
      await metrics.text(),
      `# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{method="Get",code="OK"} 3
calls_total{method="Get",code="NOT_FOUND"} 0
`,
    );
  });

  test("the same labels have the same slot, in any order of the fields, also as room grows", () => {
    const calls = new Metrics().counter({ name: "calls_total", help: "Calls.", labels: ["method", "code"] });
    const slots = Array.from({ length: 100 }, (_, index) => calls.slot({ method: `M${index}`, code: "OK" }));
    assert.equal(new Set(slots).size, 100);
    for (const slot of slots) calls.add(slot, slot + 1);
    assert.equal(calls.slot({ code: "OK", method: "M7" }), slots[7]);
    const values = calls.samples().map(({ value }) => value);
    assert.deepEqual(
      values,
      slots.map((slot) => slot + 1),
    );
  });

  test("labels that callers make up are refused above 1,000 sets", () => {
    const calls = new Metrics().counter({ name: "calls_total", help: "Calls.", labels: ["user"] });
    for (let user = 0; user < 1_000; user++) calls.slot({ user: String(user) });
    assert.throws(() => calls.slot({ user: "one too many" }), /more than 1000 label sets of user/);
    assert.equal(calls.slot({ user: "7" }), 7);
  });

  test("a hot histogram counts into cumulative buckets, bounds included, with sum and count", async () => {
    const metrics = new Metrics();
    const latency = metrics.histogram({ name: "latency_seconds", help: "Latency.", buckets: [0.01, 0.1] });
    const slot = latency.slot({});
    for (const seconds of [0.01, 0.02, 0.1, 5]) latency.observe(slot, seconds);
    assert.equal(
      await metrics.text(),
      `# HELP latency_seconds Latency.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.01"} 1
latency_seconds_bucket{le="0.1"} 3
latency_seconds_bucket{le="+Inf"} 4
latency_seconds_sum 5.13
latency_seconds_count 4
`,
    );
  });

  test("histograms of different labels do not mix", () => {
    const latency = new Metrics().histogram({ name: "l", help: "L.", labels: ["method"], buckets: [1] });
    const [get, set] = [latency.slot({ method: "get" }), latency.slot({ method: "set" })];
    latency.observe(get, 0.5);
    latency.observe(set, 2);
    latency.observe(set, 2);
    const seen = latency.samples().map(({ labels, value }) => `${labels.method} ${labels.le ?? ""} ${value}`);
    assert.deepEqual(seen, [
      "get 1 1",
      "get +Inf 1",
      "get  0.5",
      "get  1",
      "set 1 0",
      "set +Inf 2",
      "set  4",
      "set  2",
    ]);
  });

  test("gauges and totals are read when scraped, one figure or many", async () => {
    const metrics = new Metrics();
    let online = 1;
    metrics.gauge({ name: "users_online", help: "Users." }, () => online);
    metrics.total({ name: "transitions_total", help: "Transitions." }, () => [
      { labels: { cause: "EXPIRED" }, value: 2 },
      { labels: { cause: 'a"b' }, value: 3 },
    ]);
    online = 7;
    const text = await metrics.text();
    assert.match(text, /# TYPE users_online gauge\nusers_online 7\n/);
    assert.match(text, /# TYPE transitions_total counter\ntransitions_total{cause="EXPIRED"} 2\n/);
    assert.ok(text.includes('transitions_total{cause="a\\"b"} 3'));
  });

  test("a name is taken once", () => {
    const metrics = new Metrics();
    metrics.gauge({ name: "users_online", help: "Users." }, () => 1);
    assert.throws(() => metrics.gauge({ name: "users_online", help: "Users." }, () => 1), /already been registered/);
  });

  test("the process's own metrics are there: CPU, memory, event loop lag", async () => {
    const metrics = new Metrics();
    metrics.observeProcess();
    const text = await metrics.text();
    for (const name of [
      "process_cpu_seconds_total",
      "process_resident_memory_bytes",
      "nodejs_eventloop_lag_p99_seconds",
    ]) {
      assert.match(text, new RegExp(`^${name} \\d`, "m"));
    }
  });
});
