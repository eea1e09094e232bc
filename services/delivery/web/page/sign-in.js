/** @import { Person } from "./cast.js" */
/** @import { DeviceKind } from "./device.js" */
import { avatar } from "./cast.js";
import { deviceChoice } from "./device-choice.js";
import { element } from "./element.js";

/**
 * Asks who one is, and on what.
 * @param {readonly Person[]} cast
 * @param {(person: Person, kind: DeviceKind) => void} signIn
 */
export function signInView(cast, signIn) {
  const devices = deviceChoice();
  const people = cast.map((person) =>
    element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "person", "data-user": person.id, click: () => signIn(person, devices.kind()) },
        avatar(person),
        element(
          "span",
          { class: "who" },
          element("strong", {}, person.name),
          element("span", { class: "role" }, person.role),
        ),
      ),
    ),
  );
  return element(
    "div",
    { class: "sign-in" },
    element("h1", { tabindex: "-1" }, "Who is online, right now."),
    element(
      "p",
      { class: "lead" },
      "Sign in as somebody. Open a second window as somebody else, and see the dots turn green and grey.",
    ),
    devices.box,
    element("ul", { class: "cast", "aria-label": "Sign in as" }, ...people),
  );
}
