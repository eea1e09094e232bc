/** @import { Person } from "./cast.js" */
import { avatar } from "./cast.js";
import { deviceChip } from "./device.js";
import { element, icon } from "./element.js";

/**
 * Oneself, and what one can do to be seen otherwise.
 * @param {Person} person
 * @param {string} deviceId
 * @param {HTMLElement} own status
 * @param {readonly Person[]} others
 * @param {{ cut(): void, crash(): void, logOut(): void }} actions
 */
export function youCard(person, deviceId, own, others, actions) {
  const cutLabel = element("strong", {}, "Cut the network");
  const cutHint = element("span", {}, "Grey after a short grace");
  const windows = others.map((other) =>
    element(
      "a",
      { href: `/?as=${other.id}`, target: "_blank", rel: "noopener", title: `A window as ${other.name}` },
      avatar(other),
      element("span", { class: "visually-hidden" }, `Open a window as ${other.name}`),
    ),
  );
  const anyWindow = element("a", { class: "any", href: "/", target: "_blank", rel: "noopener" }, "somebody else");
  const box = element(
    "section",
    { class: "card you", "aria-labelledby": "you-title" },
    element(
      "div",
      { class: "me" },
      avatar(person),
      element(
        "div",
        { class: "who" },
        element("h1", { id: "you-title", tabindex: "-1" }, person.name),
        element("span", { class: "role" }, person.role),
      ),
      deviceChip(deviceId),
    ),
    own,
    element(
      "div",
      { class: "actions" },
      action("cut", cutLabel, cutHint, actions.cut),
      action(
        "crash",
        element("strong", {}, "Crash the tab"),
        element("span", {}, "Gone without a word"),
        actions.crash,
      ),
      action("leave", element("strong", {}, "Log out"), element("span", {}, "Grey at once"), actions.logOut),
    ),
    element(
      "div",
      { class: "windows" },
      element("h2", {}, icon("window"), "Open a window as"),
      element("div", {}, ...(windows.length > 0 ? windows : [anyWindow])),
    ),
  );
  return {
    box,
    /** @param {"connected" | "cut" | "ended"} network ended: there is nothing to cut, nor to restore */
    showNetwork(network) {
      const isCut = network === "cut";
      cutLabel.textContent = isCut ? "Restore the network" : "Cut the network";
      cutHint.textContent = isCut ? "Back, and up to date" : "Grey after a short grace";
      box.classList.toggle("is-cut", isCut);
      // Not `disabled`: that would take the focus away.
      box.querySelector(".cut")?.setAttribute("aria-disabled", String(network === "ended"));
    },
  };
}

/**
 * @param {"cut" | "crash" | "leave"} name
 * @param {HTMLElement} label
 * @param {HTMLElement} hint
 * @param {() => void} run
 */
function action(name, label, hint, run) {
  return element(
    "button",
    { type: "button", class: `action ${name}`, click: run },
    icon(name),
    element("span", {}, label, hint),
  );
}
