/** @import { DeviceKind } from "./device.js" */
import { deviceKinds, deviceName, likelyKind } from "./device.js";
import { element, icon } from "./element.js";

/** Lets choose what this window is. */
export function deviceChoice() {
  let chosen = likelyKind();
  const choice = (/** @type {DeviceKind} */ name) =>
    element(
      "label",
      {},
      element("input", {
        type: "radio",
        name: "device",
        value: name,
        checked: name === chosen,
        change() {
          chosen = name;
        },
      }),
      element("span", {}, icon(name), deviceName(name)),
    );
  return {
    box: element(
      "fieldset",
      { class: "devices" },
      element("legend", {}, "This window is a"),
      ...deviceKinds.map(choice),
    ),
    kind: () => chosen,
  };
}
