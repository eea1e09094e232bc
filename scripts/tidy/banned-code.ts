import { isForTests, type Problem, type Tree } from "./problem.ts";
import { codeOf, isSource, lineAt } from "./source.ts";

type Ban = { code: RegExp; isAllowedIn: (file: string) => boolean; why: string; instead: string };

/** Of Node and of browsers. */
const clocks = ["packages/runtime/clock.ts", "packages/web-client/clock.js"];
const isTool = (file: string) => /^(scripts|benchmarks|faults|packages\/testing)\//.test(file) || isForTests(file);
/** The page is a program of its own, which tests drive in a real browser, in real time. */
const isClock = (file: string) => clocks.includes(file) || file.startsWith("services/delivery/web/page/");

const bans: readonly Ban[] = [
  {
    code: /\bprocess\.env\b/g,
    isAllowedIn: (file) => isTool(file) || /\/config\.ts$/.test(file),
    why: "settings are declared in config.ts, so that --help lists them all and a wrong one is refused at the start.",
    instead: "Declare the setting in config.ts and pass its value in.",
  },
  {
    code: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.(now|timeOrigin)\b|\bprocess\.hrtime\b/g,
    isAllowedIn: (file) => isClock(file) || isTool(file),
    why: "time comes from the injected clock, so that a test decides it.",
    instead: "Use clock.monotonicMs() for durations, clock.nowUs() for the time of day: packages/runtime/clock.ts",
  },
  {
    code: /(?<![.\w#])set(Timeout|Interval)\b/g,
    isAllowedIn: isClock,
    why: "timers come from the injected clock, so that a test decides when they fire; and no test sleeps for luck.",
    instead: "Use clock.after() or clock.every(), packages/runtime/clock.ts; in a test waitUntil(), packages/testing.",
  },
  {
    code: /\bMath\.random\b/g,
    isAllowedIn: isClock,
    why: "chance comes from the injected clock, so that a run can be repeated.",
    instead: "Use clock.random(), packages/runtime/clock.ts; in a test a generator seeded by seed(), packages/testing.",
  },
  {
    code: /\b(randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b/g,
    isAllowedIn: (file) => file === "packages/runtime/authentication/callers/new-token.ts" || isTool(file),
    why: "chance comes from the injected clock, so that a run can be repeated.",
    instead: "Use clock.random(), packages/runtime/clock.ts; for a secret newToken(), which nobody may repeat.",
  },
  {
    code: /\bresetAndDestroy\b/g,
    isAllowedIn: (file) => file === "packages/testing/reset-connection.ts",
    why: "a socket that is reset while it ends is never closed, and its process never ends.",
    instead: "Use resetConnection(), packages/testing.",
  },
  {
    code: /\b(test|it|describe|suite)\.(skip|todo|only)\b/g,
    isAllowedIn: () => false,
    why: "a test that does not run proves nothing, and nobody notices.",
    instead: "Repair it, or delete it.",
  },
];

/** Finds what has a better replacement here, and names it. */
export function checkBannedCode(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [file, source] of tree) {
    if (!isSource(file)) continue;
    const code = codeOf(source);
    for (const ban of bans) {
      if (ban.isAllowedIn(file)) continue;
      for (const match of code.matchAll(ban.code)) {
        const { why, instead } = ban;
        problems.push({ file, line: lineAt(code, match.index), what: `uses ${match[0]}`, why, instead });
      }
    }
  }
  return problems;
}
