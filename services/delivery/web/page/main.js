/** @import { Person } from "./cast.js" */
/** @import { DeviceKind } from "./device.js" */
import { PresenceClient } from "@realchat/presence-web";
import { loadCast } from "./cast.js";
import { showConnection } from "./connection.js";
import { contactList } from "./contacts.js";
import { deviceIdOf, likelyKind } from "./device.js";
import { liveFeed } from "./feed.js";
import { signInView } from "./sign-in.js";
import { youCard } from "./you.js";

// Second devices of people who are online make no transition: the page asks for them.
const ASK_FOR_DEVICES_MS = 3_000;
const TELL_TIME_MS = 10_000;

const view = /** @type {HTMLElement} */ (document.getElementById("view"));
const connection = /** @type {HTMLElement} */ (document.getElementById("connection"));
const cast = await loadCast();

const named = new URLSearchParams(location.search).get("as");
const person = cast.find(({ id }) => id === named);
if (person) signIn(person, likelyKind());
else askWho();

function askWho() {
  history.replaceState(null, "", "/");
  document.title = "RealChat Presence";
  connection.replaceChildren();
  view.replaceChildren(signInView(cast, signIn));
}

/** @param {Person} person @param {DeviceKind} kind */
function signIn(person, kind) {
  const deviceId = deviceIdOf(kind);
  history.replaceState(null, "", `/?as=${person.id}`);
  document.title = `${person.name} · RealChat Presence`;

  const query = new URLSearchParams({ user_id: person.id, device_id: deviceId });
  const client = new PresenceClient({ url: `${location.origin.replace(/^http/, "ws")}/ws?${query}` });
  const contacts = contactList();
  const feed = liveFeed();
  const others = cast.filter(({ id }) => id !== person.id);
  const you = youCard(person, deviceId, others, {
    cut() {
      const isCut = client.state.kind !== "closed";
      if (isCut) client.close();
      else client.connect();
      you.showCut(isCut);
    },
    crash: () => location.replace(`/crashed.html?as=${person.id}`),
    logOut() {
      client.logout();
      clearInterval(asking);
      clearInterval(telling);
      askWho();
    },
  });
  const asking = setInterval(() => !document.hidden && client.refresh(contacts.online()), ASK_FOR_DEVICES_MS);
  const telling = setInterval(contacts.tick, TELL_TIME_MS);

  client.on("state", (state) => showConnection(connection, state, () => client.connect()));
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
