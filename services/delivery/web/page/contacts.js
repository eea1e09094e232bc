/** @import { UserPresence } from "../../../../packages/web-client/types.d.ts" */
import { availabilityOf, inWords } from "./availability.js";
import { avatar, personOf } from "./cast.js";
import { changeOf } from "./change.js";
import { deviceChip } from "./device.js";
import { element } from "./element.js";
import { sayingLine } from "./status.js";
import { ago, duration } from "./time.js";

/** The list of those who may be seen, each with a dot. */
export function contactList() {
  const count = element("p", { class: "count" });
  const list = element("ul", { class: "contacts", "aria-label": "Contacts" });
  const empty = element(
    "p",
    { class: "empty" },
    "Nobody to see yet. You see those who share a conversation with you, and contacts once each has the other: tell Kafka, ",
    "or import a file, with ",
    element("code", {}, "npm run -s delivery -- audience import people.jsonl"),
    ". What to write: docs/audience.md.",
  );
  const box = element(
    "section",
    { class: "card people", "aria-labelledby": "people-title" },
    element("div", { class: "card-head" }, element("h2", { id: "people-title" }, "Contacts"), count),
    list,
    empty,
  );
  /** @type {Map<string, { user: UserPresence, row: HTMLLIElement }>} */
  const shown = new Map();

  let isStale = true;

  const summarize = () => {
    const online = [...shown.values()].filter(({ user }) => user.online).length;
    count.textContent = `${online} of ${shown.size} ${isStale ? "were online" : "online"}`;
    empty.hidden = shown.size > 0;
  };

  return {
    box,
    /**
     * @param {readonly UserPresence[]} users
     * @returns what has changed of those of them who were shown
     */
    show(users) {
      const changes = users.map((user) => changeOf(shown.get(user.id)?.user, user)).filter((change) => !!change);
      for (const user of users) {
        const known = shown.get(user.id);
        const row = known?.row ?? place(list, user.id);
        // What an older frame told of devices holds until the user leaves.
        const devices = user.devices ?? (user.online ? (known?.user.online ? known.user.devices : undefined) : []);
        const next = { ...user, devices: devices ?? (user.device ? [user.device] : []) };
        shown.set(user.id, { user: next, row });
        fill(row, next, { isChange: changes.some((change) => change.user === user), isStale });
      }
      summarize();
      return changes;
    },
    /** @param {readonly string[]} ids */
    hide(ids) {
      for (const id of ids) {
        shown.get(id)?.row.remove();
        shown.delete(id);
      }
      summarize();
    },
    /** Says again how long ago everybody was seen, or is idle. */
    tick() {
      for (const { user, row } of shown.values()) if (!user.online || user.idleSince) fill(row, user, { isStale });
    },
    /** @param {boolean} mayBeOutOfDate what is shown */
    showStale(mayBeOutOfDate) {
      isStale = mayBeOutOfDate;
      for (const { user, row } of shown.values()) fill(row, user, { isStale });
      summarize();
    },
    online: () => [...shown.values()].filter(({ user }) => user.online).map(({ user }) => user.id),
  };
}

/** A new row, where the name belongs. @param {HTMLUListElement} list @param {string} id */
function place(list, id) {
  const { name } = personOf(id);
  const row = element("li", { class: "contact", "data-user": id, "data-name": name });
  const rows = /** @type {HTMLLIElement[]} */ ([...list.children]);
  const next = rows.find(({ dataset }) => (dataset.name ?? "").localeCompare(name) > 0);
  list.insertBefore(row, next ?? null);
  return row;
}

/** @param {HTMLLIElement} row @param {UserPresence} user @param {{ isChange?: boolean, isStale: boolean }} how */
function fill(row, user, { isChange = false, isStale }) {
  const person = personOf(user.id);
  const dot = element("span", { class: isChange ? "dot changed" : "dot" });
  row.dataset.online = String(user.online);
  row.dataset.availability = availabilityOf(user);
  row.replaceChildren(
    element("span", { class: "face" }, avatar(person), dot),
    element(
      "div",
      { class: "who" },
      element("strong", { title: person.name }, person.name),
      element("span", { class: "role" }, person.role),
      sayingLine(user),
    ),
    user.online
      ? element("div", { class: "chips" }, ...(user.devices ?? []).map(deviceChip))
      : element("div", { class: "chips" }),
    element("span", { class: "status" }, status(user, isStale)),
  );
}

/** @param {UserPresence} user @param {boolean} isStale */
function status(user, isStale) {
  const { online, lastSeen, idleSince } = user;
  const words = inWords[availabilityOf(user)];
  const idle = idleSince !== undefined && duration(Date.now() - idleSince);
  if (online) return element("span", {}, isStale ? words.was : words.now, idle && idleText(idle));
  if (!lastSeen) return isStale ? "Was offline" : "Offline";
  const title = new Date(lastSeen).toLocaleString();
  const time = element("time", { datetime: new Date(lastSeen).toISOString(), title }, ago(lastSeen, Date.now()));
  return element("span", {}, "last seen ", time);
}

/** @param {string} elapsed */
function idleText(elapsed) {
  return element("span", { class: "idle" }, ` idle for ${elapsed}`);
}
