/** @import { PresenceClient } from "../presence-client.js" */
import { handClock, turn } from "./hand-clock.js";

/**
 * Every scenario into and out of every state of a client: what happens, in order, and the states that it tells. It is plain JavaScript,
 * since browsers play it too. `at` says how the gateway behaves: testing/scenario-gateway.ts.
 * @typedef {object} Scenario
 * @property {string} at path of the gateway's, or a whole address
 * @property {string} [token] fixed; or `later`, a function whose promise a step settles; or `throws`, a function that does
 * @property {string[]} steps
 * @property {string[]} told
 */

/** What is no frame; each is told as an error. @type {readonly (string | Uint8Array)[]} */
const noFrames = ["no JSON", "null", '{"type":"snapshot"}', Uint8Array.of(1)];
/** What is passed over, and then what is told: whoever has been told of all of it has heard all. */
export const garbage = ["42", "{}", '{"type":"toString"}', '{"type":"presence","users":[null,7]}', ...noFrames];

const connecting = ["connecting"];
const open = ["connecting", "open"];
const untilOpen = ["connect", "until open"];
const untilWaiting = ["connect", "until waiting"];

/** @type {Scenario[]} */
export const scenarios = [
  // closed
  { at: "open", steps: ["close", "logout", "wake"], told: [] },
  { at: "open", steps: untilOpen, told: open },
  { at: "open", steps: ["connect", "close", "connect", "until open"], told: [...connecting, "closed 1000", ...open] },

  // connecting: the token
  { at: "open", token: "later", steps: ["connect", "close", "token comes"], told: [...connecting, "closed 1000"] },
  { at: "open", token: "later", steps: ["connect", "until asked", "connect", "wake"], told: connecting },
  { at: "open", token: "later", steps: ["connect", "until asked", "close"], told: [...connecting, "closed 1000"] },
  { at: "open", token: "later", steps: ["connect", "until asked", "logout"], told: [...connecting, "closed 4001"] },
  {
    at: "open",
    token: "later",
    steps: ["connect", "until asked", "close", "token comes"],
    told: [...connecting, "closed 1000"],
  },
  {
    at: "open",
    token: "later",
    steps: ["connect", "until asked", "close", "token fails"],
    told: [...connecting, "closed 1000"],
  },
  { at: "open", token: "later", steps: ["connect", "until asked", "token comes", "until open"], told: open },
  {
    at: "open",
    token: "later",
    steps: ["connect", "until asked", "token fails", "until waiting"],
    told: [...connecting, "waiting 1006 Error"],
  },
  { at: "open", token: "later", steps: ["connect", "until asked", "advance 29999"], told: connecting },
  {
    at: "open",
    token: "later",
    steps: ["connect", "until asked", "advance 30000", "token comes"],
    told: [...connecting, "waiting 1006"],
  },
  { at: "open", token: "throws", steps: untilWaiting, told: [...connecting, "waiting 1006 Error"] },
  ...["two\nlines", "Bearer abc", "abc=", "\u00e9", " ", '"abc"'].map((token) => ({
    ...{ at: "open", token, steps: ["connect", "until closed"], told: [...connecting, "closed 0 BAD_TOKEN"] },
  })),

  // connecting: the handshake
  ...["nonsense:", "ftp://127.0.0.1/ws", "ws://127.0.0.1/ws#fragment", "ws://[/ws"].map((at) => ({
    ...{ at, steps: ["connect", "until closed"], told: [...connecting, "closed 0 BAD_URL"] },
  })),
  { at: "hang", steps: ["connect", "until handshake", "connect", "wake"], told: connecting },
  { at: "hang", steps: ["connect", "until handshake", "close"], told: [...connecting, "closed 1000"] },
  { at: "hang", steps: ["connect", "until handshake", "logout"], told: [...connecting, "closed 4001"] },
  { at: "hang", steps: ["connect", "until handshake", "advance 29999"], told: connecting },
  { at: "hang", steps: ["connect", "until handshake", "advance 30000"], told: [...connecting, "waiting 1006"] },
  { at: "refuse", steps: untilWaiting, told: [...connecting, "waiting 1006"] },
  { at: "drop", steps: untilWaiting, told: [...connecting, "waiting 1006"] },
  { at: "ws://127.0.0.1:1/", steps: untilWaiting, told: [...connecting, "waiting 1006"] },

  // open
  { at: "open", steps: [...untilOpen, "connect", "wake", "advance 600000"], told: open },
  { at: "open", steps: [...untilOpen, "close", "close", "logout"], told: [...open, "closed 1000"] },
  { at: "open", steps: [...untilOpen, "logout"], told: [...open, "closed 4001"] },
  { at: "garbage", steps: [...untilOpen, "advance 0", "until garbled"], told: open },
  { at: "pong", steps: [...untilOpen, "advance 0", "until garbled", "advance 34999"], told: open },
  { at: "pong", steps: [...untilOpen, "advance 0", "until garbled", "advance 35000"], told: [...open, "waiting 1006"] },
  {
    at: "pong",
    steps: [...untilOpen, "advance 0", "until garbled", "wake", "advance 5000"],
    told: [...open, "waiting 1006"],
  },
  { at: "cut", steps: [...untilOpen, "advance 0", "until waiting"], told: [...open, "waiting 1006"] },
  ...[1000, 1001, 1002, 1003, 1010, 1011, 1012, 1013].map((code) => ({
    ...{ at: `close-${code}`, steps: [...untilOpen, "advance 0", "until waiting"], told: [...open, `waiting ${code}`] },
  })),
  ...[1007, 1008, 1009].map((code) => ({
    ...{ at: `close-${code}`, steps: [...untilOpen, "advance 0", "until closed", "wake", "advance 600000"] },
    told: [...open, `closed ${code} BAD_FRAME`],
  })),
  ...[4000, 4001, 4401, 4403, 4429].map((code) => ({
    ...{
      at: `close-${code}`,
      token: "fixed",
      steps: [...untilOpen, "advance 0", "until closed", "wake", "advance 600000"],
    },
    told: [...open, `closed ${code}`],
  })),
  {
    ...{ at: "close-4401", token: "later", told: [...open, "waiting 4401", "connecting"] },
    steps: ["connect", "until asked", "token comes", "until open", "advance 0", "until waiting", "wake"],
  },

  // waiting
  { at: "refuse", steps: [...untilWaiting, "connect"], told: [...connecting, "waiting 1006"] },
  {
    at: "refuse",
    steps: [...untilWaiting, "close", "wake", "advance 600000"],
    told: [...connecting, "waiting 1006", "closed 1000"],
  },
  { at: "refuse", steps: [...untilWaiting, "logout"], told: [...connecting, "waiting 1006", "closed 4001"] },
  {
    at: "refuse",
    steps: [...untilWaiting, "wake", "until waiting"],
    told: [...connecting, "waiting 1006", ...connecting, "waiting 1006"],
  },
  {
    ...{ at: "refuse", steps: [...untilWaiting, "advance 1000", "until waiting"] },
    told: [...connecting, "waiting 1006", ...connecting, "waiting 1006"],
  },
];

/**
 * Plays a scenario, and then long enough for whatever a socket still has to say.
 * @param {Scenario} scenario
 * @param {typeof PresenceClient} Client
 * @param {string} gateway `ws://127.0.0.1:15083`
 * @returns {Promise<{ told: string[], timers: number }>} timers: those that have yet to run
 */
export async function play({ at, token, steps }, Client, gateway) {
  const clock = handClock();
  const later = tokens(token);
  const id = `${++played}`;
  const url = at.includes(":") ? at : `${gateway}/${at}?scenario=${id}`;
  const client = new Client({ url, token: later.token, clock });
  /** @type {string[]} */
  const told = [];
  let garbled = 0;
  client.on("error", () => {
    garbled += 1;
  });
  client.on("state", (state) => {
    const error = "error" in state && state.error instanceof Error ? state.error : undefined;
    const code = "code" in state ? [state.code] : [];
    told.push([state.kind, ...code, ...(error ? [Reflect.get(error, "code") ?? error.name] : [])].join(" "));
  });
  const until = async (/** @type {string} */ what) => {
    if (what === "handshake") await fence(`${gateway}/handshake-of-${id}`);
    else if (what === "asked") await eventually(later.isAsked, "the token is asked for");
    else if (what === "garbled") await eventually(() => garbled === noFrames.length, `all is garbled, not ${garbled}`);
    else await eventually(() => client.state.kind === what, `${what}, told ${told}`);
  };
  for (const step of steps) {
    const [verb, object = ""] = step.split(" ");
    if (verb === "until") await until(object);
    else if (verb === "advance") await clock.advance(Number(object));
    else if (verb === "token") await later.settle(object === "comes");
    else client[/** @type {"connect" | "close" | "logout" | "wake"} */ (verb)]();
  }
  await fence(`${gateway}/fence`);
  const result = { told: [...told], timers: clock.timers() };
  client.close();
  return result;
}

let played = 0;

/** @param {string | undefined} token */
function tokens(token) {
  /** @type {PromiseWithResolvers<string>[]} */
  const asked = [];
  const ask = () => {
    if (token === "throws") throw new Error("no login");
    const answer = Promise.withResolvers();
    asked.push(answer);
    return answer.promise;
  };
  return {
    token: token === "later" || token === "throws" ? ask : token,
    isAsked: () => asked.length > 0,
    async settle(/** @type {boolean} */ isGood) {
      if (isGood) asked.shift()?.resolve("good");
      else asked.shift()?.reject(new Error("no login"));
      await turn();
    },
  };
}

/** Something asked and answered beside it: what was under way before has arrived. @param {string} url */
async function fence(url) {
  await fetch(url.replace("ws", "http"));
}

/** @param {() => boolean} condition @param {string} what */
async function eventually(condition, what) {
  const endMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await turn();
  }
}
