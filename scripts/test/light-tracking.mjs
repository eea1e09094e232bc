import hooks from "node:async_hooks";

// Node's test runner follows every promise, timer and socket of its process, to know which test threw an error that nobody
// caught: a suite that makes many takes three to five times as long. Here it follows tests alone, which it needs to find
// the suite around each, and record-events.ts tells which of them ran. Source: `createHook` in
// https://github.com/nodejs/node/blob/v24.x/lib/internal/test_runner/harness.js
const { createHook } = hooks;
hooks.createHook = ({ init }) =>
  createHook({
    init(asyncId, type, triggerAsyncId, resource) {
      if (type === "Test") init(asyncId, type, triggerAsyncId, resource);
    },
    trackPromises: false,
  });
await import("node:test"); // takes createHook as it is now
hooks.createHook = createHook;
