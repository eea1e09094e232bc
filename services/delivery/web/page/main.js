/** @import { Person } from "./cast.js" */
/** @import { DeviceKind } from "./device.js" */
/** @import { Token } from "./token.js" */
import { PresenceClient } from "@realchat/presence-web";
import { asksForToken, loadCast, personOf } from "./cast.js";
import { showConnection } from "./connection.js";
import { contactList } from "./contacts.js";
import { deviceIdOf, likelyKind } from "./device.js";
import { liveFeed } from "./feed.js";
import { signInView } from "./sign-in.js";
import { keepToken, keptToken } from "./token.js";
import { tokenSignInView } from "./token-sign-in.js";
import { youCard } from "./you.js";

// Second devices of people who are online make no transition: the page asks for them.
const ASK_FOR_DEVICES_MS = 3_000;
const TELL_TIME_MS = 10_000;
const REFUSED_CODES = [4401, 4403];

const view = /** @type {HTMLElement} */ (document.getElementById("view"));
const connection = /** @type {HTMLElement} */ (document.getElementById("connection"));
const [cast, needsToken] = await Promise.all([loadCast(), asksForToken()]);

const kept = needsToken ? keptToken() : undefined;
const named = new URLSearchParams(location.search).get("as");
const person = needsToken ? undefined : cast.find(({ id }) => id === named);
if (kept) signInWithToken(kept, likelyKind());
else if (person) signIn(person, likelyKind());
else askWho();

/** @param {string} [problem] why one is asked again */
function askWho(problem) {
  history.replaceState(null, "", "/");
  document.title = "RealChat Presence";
  connection.replaceChildren();
  view.replaceChildren(needsToken ? tokenSignInView(signInWithToken, problem) : signInView(cast, signIn));
}

/** @param {Token} token @param {DeviceKind} kind */
function signInWithToken(token, kind) {
  keepToken(token);
  signIn(personOf(token.userId), kind, token);
}

/** @param {Person} person @param {DeviceKind} kind @param {Token} [token] */
function signIn(person, kind, token) {
  const deviceId = deviceIdOf(kind);
  const own = token ? "" : `?${new URLSearchParams({ as: person.id })}`;
  history.replaceState(null, "", `/${own}`);
  document.title = `${person.name} · RealChat Presence`;

  const query = new URLSearchParams({ ...(token ? {} : { user_id: person.id }), device_id: deviceId });
  const url = `${location.origin.replace(/^http/, "ws")}/ws?${query}`;
  const client = new PresenceClient({ url, token: token?.text });
  const contacts = contactList();
  const feed = liveFeed();
  const others = token ? [] : cast.filter(({ id }) => id !== person.id);
  const you = youCard(person, deviceId, others, {
    cut() {
      const isCut = client.state.kind !== "closed";
      if (isCut) client.close();
      else client.connect();
      you.showCut(isCut);
    },
    crash: () => location.replace(`/crashed.html${own}`),
    logOut() {
      client.logout();
      leave();
    },
  });
  /** @param {string} [problem] why one is asked again */
  const leave = (problem) => {
    clearInterval(asking);
    clearInterval(telling);
    keepToken(undefined);
    askWho(problem);
  };
  const asking = setInterval(() => !document.hidden && client.refresh(contacts.online()), ASK_FOR_DEVICES_MS);
  const telling = setInterval(contacts.tick, TELL_TIME_MS);

  client.on("state", (state) => {
    showConnection(connection, state, () => client.connect());
    if (needsToken && state.kind === "closed" && REFUSED_CODES.includes(state.code)) {
      leave("The gateway does not accept this token, or no longer: it may have expired. Sign in with a new one.");
    }
  });
  client.on("snapshot", (users) => {
    for (const user of contacts.show(users)) feed.caughtUp(user);
  });
  client.on("presence", (users) => {
    for (const user of contacts.show(users)) feed.changed(user);
  });
  client.on("hidden", contacts.hide);
  client.connect();
  view.replaceChildren(you.box, contacts.box, feed.box);
}
