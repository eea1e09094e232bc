import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findProblems } from "./tidy/find-problems.ts";
import { formatProblem } from "./tidy/problem.ts";

/** What tidy says about a repository with these files. */
function tidy(files: Record<string, string>): string[] {
  return findProblems(new Map(Object.entries(files))).map(formatProblem);
}

/** The first lines of what it says: where and what. */
function complaints(files: Record<string, string>): string[] {
  return tidy(files).map((text) => text.split("\n")[0] as string);
}

test("an error says where, what, why and what to do instead", () => {
  const source = 'import { a } from "./a.ts";\n\nimport { store } from "../store/store.ts";\n';
  assert.deepEqual(tidy({ "services/presence/domain/session.ts": source }), [
    `services/presence/domain/session.ts:3 imports ../store/store.ts
  domain imports only domain, so that every decision can be tested without a server.
  Pass the value in from service/. Map: docs/architecture.md
`,
  ]);
});

describe("import directions", () => {
  const importing = (file: string, target: string) => complaints({ [file]: `import { x } from "${target}";\n` });
  const allowed = (file: string, target: string) => assert.deepEqual(importing(file, target), []);
  const refused = (file: string, target: string) =>
    assert.deepEqual(importing(file, target), [`${file}:1 imports ${target}`]);

  test("domain imports nothing but domain, not even Node", () => {
    allowed("services/presence/domain/a.ts", "./b.ts");
    refused("services/presence/domain/a.ts", "node:crypto");
    refused("services/presence/domain/a.ts", "@realchat/presence-runtime");
    allowed("services/presence/domain/a.test.ts", "node:test");
  });

  test("store, events, shards and watch import domain; shards knows the ports too", () => {
    for (const layer of ["store", "events", "shards", "watch"]) {
      allowed(`services/presence/${layer}/a.ts`, "../domain/b.ts");
      allowed(`services/presence/${layer}/a.ts`, "node:fs");
      refused(`services/presence/${layer}/a.ts`, "../service/presence-service.ts");
    }
    refused("services/presence/store/redis/a.ts", "../../events/publisher.ts");
    allowed("services/presence/shards/a.ts", "../events/publisher.ts");
    allowed("services/presence/shards/a.ts", "../store/store.ts");
    refused("services/presence/shards/a.ts", "../store/redis/redis-store.ts");
    allowed("services/presence/shards/a.test.ts", "../store/memory/memory-store.ts");
  });

  test("rpc imports domain and the service", () => {
    allowed("services/presence/rpc/a.ts", "../service/presence-service.ts");
    refused("services/presence/rpc/a.ts", "../shards/ticker.ts");
  });

  test("service knows the store by its port, and not who calls", () => {
    allowed("services/presence/service/a.ts", "../store/store.ts");
    refused("services/presence/service/a.ts", "../store/redis/redis-store.ts");
    refused("services/presence/service/a.ts", "../rpc/presence-api.ts");
  });

  test("only main.ts wires things together", () => {
    allowed("services/presence/main.ts", "./store/redis/redis-store.ts");
    allowed("services/presence/presence-metrics.ts", "./config.ts");
    refused("services/presence/presence-metrics.ts", "./store/redis/redis-store.ts");
    refused("services/presence/presence-metrics.ts", "./rpc/presence-api.ts");
    refused("services/presence/presence-metrics.ts", "./main.ts");
  });

  test("delivery's parts know each other by their ports", () => {
    allowed("services/delivery/push/a.ts", "../audience/directory.ts");
    refused("services/delivery/push/a.ts", "../audience/memory/memory-directory.ts");
    refused("services/delivery/push/a.ts", "../gateway/gateway.ts");
    allowed("services/delivery/gateway/a.ts", "../push/push.ts");
    refused("services/delivery/gateway/a.ts", "../push/presence-push.ts");
    refused("services/delivery/gateway/a.ts", "../audience/directory.ts");
    refused("services/delivery/feed/a.ts", "../push/push.ts");
    refused("services/delivery/audience/a.ts", "../push/push.ts");
    refused("services/delivery/delivery-metrics.ts", "./gateway/gateway.ts");
    allowed("services/delivery/main.ts", "./gateway/gateway.ts");
  });

  test("services never import each other, packages never import services, and a package has a front door", () => {
    refused("services/delivery/main.ts", "../presence/config.ts");
    refused("packages/client/a.ts", "../../services/presence/config.ts");
    refused("services/presence/main.ts", "../../packages/rpc/server.ts");
    refused("packages/cli/feed/a.ts", "../../rpc/server.ts");
    allowed("packages/cli/feed/a.ts", "../main.ts");
    allowed("services/presence/main.ts", "@realchat/presence-rpc");
  });

  test("each client of a server has one home", () => {
    allowed("packages/redis/a.ts", "@redis/client");
    refused("services/presence/store/redis/a.ts", "@redis/client");
    allowed("services/presence/store/redis/testing/a.ts", "@redis/client");
    allowed("packages/kafka/consumer/a.ts", "@platformatic/kafka");
    allowed("benchmarks/a.ts", "@platformatic/kafka");
    refused("packages/client/kafka/a.ts", "@platformatic/kafka");
    refused("packages/cli/feed/kafka/a.ts", "@platformatic/kafka");
    refused("services/presence/events/kafka/a.ts", "@platformatic/kafka");
    allowed("services/presence/events/kafka/a.server.test.ts", "@platformatic/kafka");
    allowed("packages/rpc/testing/grpc-js/a.ts", "@grpc/grpc-js");
    allowed("packages/grpc/a.ts", "@grpc/grpc-js");
    allowed("benchmarks/rpc/a.ts", "@grpc/grpc-js");
    refused("packages/client/grpc/a.ts", "@grpc/grpc-js");
    refused("packages/cli/a.ts", "@grpc/grpc-js");
    refused("services/delivery/audience/sources/grpc/a.ts", "@grpc/grpc-js");
    refused("packages/rpc/server.ts", "@grpc/grpc-js");
    allowed("packages/rpc/server.test.ts", "@grpc/grpc-js");
  });

  test("the product never depends on its tests", () => {
    refused("packages/runtime/a.ts", "@realchat/presence-testing");
    refused("packages/runtime/a.ts", "./testing/b.ts");
    refused("packages/runtime/a.ts", "fast-check");
    refused("packages/rpc/a.ts", "./tests/b.ts");
    allowed("packages/runtime/testing/b.ts", "fast-check");
    allowed("packages/rpc/tests/interop/a.ts", "../../testing/b.ts");
    allowed("scripts/a.ts", "@realchat/presence-testing");
  });

  test("imports are seen in each form, and words that look alike are not", () => {
    const file = "services/presence/domain/a.ts";
    const seen = [
      'import "node:a";',
      'import type { A } from "node:b";',
      'export * from "node:c";',
      'import {\n  A,\n  B,\n} from "node:d";',
      'const a = await import("node:e");',
      'export const from = "node:f";',
      '// import { A } from "node:g"',
    ].join("\n");
    assert.deepEqual(
      complaints({ [file]: seen, "services/presence/domain/b.ts": 'import { from } from "./a.ts";' }),
      [1, 2, 3, 7, 8].map((line, index) => `${file}:${line} imports node:${"abcde"[index]}`),
    );
  });
});

describe("import cycles", () => {
  test("are found over any number of steps, by types too, and reported once", () => {
    const files = {
      "packages/a/one.ts": 'import type { Two } from "./two.ts";',
      "packages/a/two.ts": 'import { three } from "@realchat/b/deep";',
      "packages/a/package.json": '{ "name": "@realchat/a", "dependencies": { "@realchat/b": "1.0.0" } }',
      "packages/b/package.json":
        '{ "name": "@realchat/b", "exports": { "./deep": "./three.ts" }, "dependencies": { "@realchat/a": "1.0.0" } }',
      "packages/b/three.ts": 'export { one } from "@realchat/a/one";\nexport const three = 3;',
    };
    const withoutWayBack = complaints(files);
    assert.deepEqual(withoutWayBack, []);
    const door =
      '{ "name": "@realchat/a", "exports": { "./one": "./one.ts" }, "dependencies": { "@realchat/b": "1" } }';
    assert.deepEqual(complaints({ ...files, "packages/a/package.json": door }), [
      "packages/a/one.ts:1 is in a cycle of imports: " +
        "packages/a/one.ts → packages/a/two.ts → packages/b/three.ts → packages/a/one.ts",
    ]);
  });

  test("JavaScript is looked at as well", () => {
    const files = { "packages/a/one.js": 'import "./two.js";', "packages/a/two.js": 'import "./one.js";' };
    assert.equal(complaints(files).length, 1);
  });
});

describe("declared dependencies", () => {
  const files = (manifest: object, file: string) =>
    complaints({
      "package.json": '{ "name": "root", "devDependencies": { "tool": "1.0.0" } }',
      "packages/a/package.json": JSON.stringify({ name: "@realchat/a", ...manifest }),
      [file]: 'import "node:fs";\nimport "fs/promises";\nimport "@scope/lib/deep";\nimport "@realchat/a";',
    });

  test("a workspace declares what it imports; devDependencies are for its tests and its build alone", () => {
    const product = "packages/a/b.ts";
    const missing = [`${product}:3 imports @scope/lib, which packages/a/package.json does not declare`];
    assert.deepEqual(files({}, product), missing);
    assert.deepEqual(files({ devDependencies: { "@scope/lib": "1.0.0" } }, product), missing);
    assert.deepEqual(files({ devDependencies: { "@scope/lib": "1.0.0" } }, "packages/a/b.test.ts"), []);
    assert.deepEqual(files({ dependencies: { "@scope/lib": "1.0.0" } }, product), []);
    assert.deepEqual(files({ devDependencies: { "@scope/lib": "1.0.0" } }, "packages/a/publish/build.ts"), []);
    assert.deepEqual(files({ peerDependencies: { "@scope/lib": "1.0.0" } }, product), []);
    assert.deepEqual(files({ optionalDependencies: { "@scope/lib": "1.0.0" } }, product), []);
  });

  test("the root may use its tools and its workspaces", () => {
    const root = (target: string) =>
      complaints({
        "package.json": '{ "name": "root", "devDependencies": { "tool": "1.0.0" } }',
        "packages/a/package.json": '{ "name": "@realchat/a" }',
        "scripts/a.ts": `import "${target}";`,
      });
    assert.deepEqual(root("tool"), []);
    assert.deepEqual(root("@realchat/a"), []);
    assert.deepEqual(root("lib"), ["scripts/a.ts:1 imports lib, which ./package.json does not declare"]);
  });
});

describe("unused exports", () => {
  const exporting = "export const a = 1;\nexport type B = string;\nexport async function c() {}\nexport { d, e as f };";
  const using = (source: string) =>
    complaints({ "scripts/a.ts": exporting, "scripts/b.ts": source }).map((text) => text.split(",")[0] as string);

  test("an exported name is imported somewhere", () => {
    assert.deepEqual(using(""), [
      "scripts/a.ts:1 exports a",
      "scripts/a.ts:2 exports B",
      "scripts/a.ts:3 exports c",
      "scripts/a.ts:4 exports d",
      "scripts/a.ts:4 exports f",
    ]);
    assert.deepEqual(using('import { a, type B, c as other, d, f } from "./a.ts";'), []);
    assert.deepEqual(using('import * as all from "./a.ts";'), []);
    assert.deepEqual(using('export * from "./a.ts";'), []);
    assert.deepEqual(using('const { a, c, d } = await import("./a.ts");\nexport type { B, f } from "./a.ts";'), []);
  });

  test("what a package's front door exports is for others", () => {
    const manifest = '{ "name": "@realchat/a", "exports": { ".": "./index.ts" } }';
    assert.deepEqual(complaints({ "packages/a/package.json": manifest, "packages/a/index.ts": exporting }), []);
  });
});

describe("banned code", () => {
  const writing = (file: string, code: string) => complaints({ [file]: code });

  test("settings are read in config.ts alone", () => {
    assert.deepEqual(writing("services/presence/main.ts", "process.env.A"), [
      "services/presence/main.ts:1 uses process.env",
    ]);
    assert.deepEqual(writing("services/presence/config.ts", "process.env.A"), []);
    assert.deepEqual(writing("scripts/a.ts", "process.env.A"), []);
  });

  test("time and chance come from the clock", () => {
    const file = "packages/runtime/a.ts";
    const banned = [
      "Date.now",
      "new Date()",
      "performance.now",
      "Math.random",
      "setTimeout",
      "setInterval",
      "randomUUID",
    ];
    for (const code of banned) {
      assert.deepEqual(writing(file, `const a = ${code};`), [`${file}:1 uses ${code}`]);
    }
    const clock = ["Date.now", "performance.now", "Math.random", "setTimeout", "setInterval"].join("\n");
    assert.deepEqual(writing("packages/runtime/clock.ts", clock), []);
    assert.deepEqual(writing(file, "new Date(nowMs); server.setTimeout(1_000);"), []);
    assert.match(tidy({ [file]: "setTimeout(run, 5)" })[0] as string, /Use clock\.after\(\)/);
  });

  test("a test does not sleep, and is not skipped", () => {
    const file = "packages/runtime/a.test.ts";
    assert.deepEqual(writing(file, "await new Promise((done) => setTimeout(done, 5));"), [`${file}:1 uses setTimeout`]);
    for (const mark of ["skip", "todo", "only"]) {
      assert.deepEqual(writing(file, `test.${mark}(name, run);`), [`${file}:1 uses test.${mark}`]);
    }
  });

  test("a connection is reset by the one function that does not leave it open", () => {
    const code = "socket.resetAndDestroy();";
    assert.deepEqual(writing("faults/a.ts", code), ["faults/a.ts:1 uses resetAndDestroy"]);
    assert.deepEqual(writing("packages/testing/reset-connection.ts", code), []);
  });

  test("comments and strings may contain it, templates may not run it", () => {
    const file = "packages/runtime/a.ts";
    assert.deepEqual(writing(file, '// as setTimeout does\n/* Math.random */ const a = "Date.now";'), []);
    assert.deepEqual(writing(file, `\nconst a = \`at \${Date.now()}\`;`), [`${file}:2 uses Date.now`]);
  });
});

test("files are named after what is in them", () => {
  const files = { "packages/rpc/utils.ts": "", "packages/common/a.ts": "", "packages/rpc/session-manager.ts": "" };
  assert.equal(complaints(files).length, 3);
  assert.deepEqual(complaints({ "packages/rpc/community.ts": "" }), []);
});

test("the lock file names no registry", () => {
  const lock = '{\n  "resolved": "packages/rpc",\n  "resolved": "https://registry.example/a.tgz"\n}';
  assert.deepEqual(complaints({ "package-lock.json": lock }), [
    "package-lock.json:3 says where https://registry.example/a.tgz is",
  ]);
});

test("relative links of documents lead somewhere, and so do their headings", () => {
  const readme =
    "[a](docs/a.md) [b](docs/b.md#part) [c](docs) [d](docs/)\n[e](#up) [f](https://example.org)\n[g](docs/c.md)\n# Up";
  const files = {
    "README.md": readme,
    "docs/a.md": "[up](../README.md#up)\n\n### `A` part: *more*, 2nd\n\n[here](#a-part-more-2nd) [gone](#part)",
    "docs/b.md": "[gone](c.md)",
  };
  assert.deepEqual(complaints(files), [
    "docs/a.md:5 links to #part",
    "docs/b.md:1 links to c.md",
    "README.md:1 links to docs/b.md#part",
    "README.md:3 links to docs/c.md",
  ]);
});

test("paths that documents name exist, from the root, from the document, or as the end of some path", () => {
  const tree = { "packages/a/lua/one.lua": "", "packages/a/two.ts": "", "scripts/three.ts": "" };
  const naming = (text: string) => complaints({ ...tree, "docs/x.md": text }).map((text) => text.split(" names ")[1]);
  assert.deepEqual(naming("`packages/a/two.ts`, `packages/a/` and `packages/a`, `lua/one.lua`, `lua/`, `two.ts`"), []);
  assert.deepEqual(naming("`packages/a/four.ts`\n`a/one.lua` `old/` `four.ts` `scripts/two.ts`"), [
    "packages/a/four.ts",
    "a/one.lua",
    "old/",
    "four.ts",
    "scripts/two.ts",
  ]);
  assert.deepEqual(naming("`GET /health/live`, `application/json`, `x.test.ts`, `v1.2`, `packages/a/generated/`"), []);
  assert.deepEqual(naming("```sh\nnode `four.ts`\n```\n"), []);
  assert.deepEqual(complaints({ ...tree, "packages/a/README.md": "`lua/one.lua` `scripts/three.ts`" }), []);
});
