/** @import { Change } from "./change.js" */
import { availabilityOf } from "./availability.js";
import { personOf } from "./cast.js";
import { deviceName } from "./device.js";
import { element } from "./element.js";
import { clockTime, span } from "./time.js";

const MAX_ENTRIES = 100;

const causes = {
  connected: "connected",
  disconnected: "disconnected",
  logged_out: "logged out",
  connection_lost: "connection lost",
  expired: "no heartbeat",
  restated: "told again",
  instance_lost: "gateway lost",
  forced: "closed by an operator",
  status: "",
};

/** What changes, as it happens, the newest on top. */
export function liveFeed() {
  const log = element("ol", { class: "feed", tabindex: "0", "aria-label": "Live changes" });
  const figure = element("p", { class: "count" }, "from change to screen");
  /** @type {number[]} */
  const latencies = [];
  const empty = element("p", { class: "empty" }, "Quiet so far. Open a second window as somebody else and watch.");
  const box = element(
    "section",
    { class: "card live", "aria-labelledby": "live-title" },
    element("div", { class: "card-head" }, element("h2", { id: "live-title" }, "Live"), figure),
    element("div", { role: "log", "aria-labelledby": "live-title" }, log),
    empty,
  );
  /** @param {Change} change @param {string} latency @param {string} explanation */
  const add = (change, latency, explanation) => {
    empty.hidden = true;
    log.prepend(entry(change, latency, explanation));
    while (log.childElementCount > MAX_ENTRIES) log.lastElementChild?.remove();
  };
  return {
    box,
    /** A change that was just pushed. @param {Change} change */
    changed(change) {
      const { at } = change.user;
      if (at === undefined || !change.isTransition) return add(change, "", "");
      const latencyMs = Date.now() - at;
      latencies.push(latencyMs);
      figure.textContent = `median ${span(median(latencies))}`;
      add(change, span(latencyMs), "from the change in the store to this screen, by both machines' clocks");
    },
    /** A change that happened while nobody could tell us. @param {Change} change */
    caughtUp(change) {
      add(change, "caught up", "happened while this window was cut off");
    },
  };
}

/** @param {readonly number[]} values */
function median(values) {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}

/** @param {Change} change @param {string} latency @param {string} explanation */
function entry({ user, news, isTransition }, latency, explanation) {
  const { name } = personOf(user.id);
  const { cause, device, at = Date.now() } = isTransition ? user : {};
  const how = [cause && causes[cause], device && `on ${deviceName(device)}`];
  const text = how.filter(Boolean).join(" ");
  return element(
    "li",
    { "data-online": String(user.online), "data-availability": availabilityOf(user), "data-user": user.id },
    element("span", { class: "dot" }),
    element(
      "div",
      { class: "what" },
      element("p", {}, element("strong", {}, name), ` ${news}`),
      element("p", { class: "how" }, element("time", {}, clockTime(at)), text && ` · ${text}`),
    ),
    latency !== "" && element("span", { class: "latency", title: explanation }, latency),
  );
}
