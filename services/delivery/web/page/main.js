/** @import { Person } from "./cast.js" */
/** @import { DeviceKind } from "./device.js" */
/** @import { Token } from "./token.js" */
import { PresenceClient } from "@realchat/presence-web";
import { asksForToken, loadCast, personOf } from "./cast.js";
import { isEnded, showConnection } from "./connection.js";
import { contactList } from "./contacts.js";
import { deviceIdOf, likelyKind, settleDevice } from "./device.js";
import { liveFeed } from "./feed.js";
import { ownStatus } from "./own-status.js";
import { problemView } from "./problem.js";
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
const [cast, needsToken] = await Promise.all([loadCast(), asksForToken(), settleDevice()]).catch(cannotLoad);

const kept = needsToken ? keptToken() : undefined;
const named = new URLSearchParams(location.search).get("as");
const person = needsToken ? undefined : cast.find(({ id }) => id === named);
if (kept) signInWithToken(kept, likelyKind());
else if (person) signIn(person, likelyKind());
else askWho();

/** Says so where the page would stay blank, and leaves it at that. @param {unknown} error @returns {Promise<never>} */
function cannotLoad(error) {
  console.error(error);
  view.replaceChildren(problemView("The gateway does not answer", () => location.reload()));
  return new Promise(() => {});
}

/** @param {Node[]} parts */
function show(...parts) {
  // Whoever has done something here goes on at the top of what comes of it; whoever has just come is left alone.
  const hadFocus = view.contains(document.activeElement);
  view.replaceChildren(...parts);
  if (hadFocus) view.querySelector("h1")?.focus();
}

/** @param {string} [problem] why one is asked again */
function askWho(problem) {
  history.replaceState(null, "", "/");
  document.title = "RealChat Presence";
  connection.replaceChildren();
  show(needsToken ? tokenSignInView(signInWithToken, problem) : signInView(cast, signIn));
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
  // Whoever tries this as two people in one browser is two people.
  const idle = { channel: `realchat-presence-${person.id}` };
  const client = new PresenceClient({ url, token: token?.text, idle });
  const contacts = contactList();
  const feed = liveFeed();
  const status = ownStatus({
    set: (next) => client.setStatus(next),
    clear: () => client.clearStatus(),
    setInvisible: (invisible) => client.setPrivacy({ invisible }),
  });
  const others = token ? [] : cast.filter(({ id }) => id !== person.id);
  const you = youCard(person, deviceId, status.box, others, {
    cut() {
      if (isEnded(client.state)) return;
      if (client.state.kind === "closed") client.connect();
      else client.close();
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

  const tellConnection = () => showConnection(connection, client.state, client.stale, () => client.connect());
  client.on("stale", (isStale) => {
    tellConnection();
    contacts.showStale(isStale);
  });
  client.on("state", (state) => {
    tellConnection();
    you.showNetwork(isEnded(state) ? "ended" : state.kind === "closed" ? "cut" : "connected");
    if (needsToken && state.kind === "closed" && REFUSED_CODES.includes(state.code)) {
      leave("The gateway does not accept this token, or no longer: it may have expired. Sign in with a new one.");
    }
  });
  client.on("snapshot", (users) => {
    for (const change of contacts.show(users)) feed.caughtUp(change);
  });
  client.on("presence", (users) => {
    for (const change of contacts.show(users)) feed.changed(change);
  });
  client.on("hidden", contacts.hide);
  client.on("self", status.show);
  client.on("refused", ({ what, why }) => what !== "activity" && status.refuse(why));
  client.connect();
  show(you.box, contacts.box, feed.box);
}
