/** @import { OwnStatus, Self } from "../../../../packages/web-client/types.d.ts" */
import { availabilityOf, inWords } from "./availability.js";
import { element } from "./element.js";
import { sayingLine } from "./status.js";
import { statusPicker } from "./status-picker.js";

/**
 * How others see oneself, and how one changes that. What the gateway tells nothing of is not there: an older one cannot change it.
 * @param {{ set(status: OwnStatus): void, clear(): void, setInvisible(invisible: boolean): void }} actions
 */
export function ownStatus({ set, clear, setInvisible }) {
  /** @type {Self} */
  let self = {};
  const problem = element("p", { class: "problem", role: "alert" });
  const picker = statusPicker({ set, clear });
  const label = element("span", { class: "label" });
  const toggle = element("input", {
    ...{ type: "checkbox", role: "switch", "aria-describedby": "invisible-hint" },
    change: () => setInvisible(toggle.checked),
  });
  const invisible = element(
    "div",
    { class: "invisible" },
    element("label", {}, toggle, element("span", {}, "Invisible")),
    element("span", { id: "invisible-hint", class: "hint" }, "Others see you offline"),
  );
  const say = element(
    "button",
    { type: "button", class: "say", "aria-haspopup": "dialog", click: () => picker.open(self) },
    element("span", { class: "dot" }),
    element("span", { class: "visually-hidden" }, "Your status: "),
    label,
  );
  const box = element("div", { class: "own", hidden: true }, say, invisible, problem, picker.dialog);
  return {
    box,
    show(/** @type {Self} */ told) {
      self = told;
      const isInvisible = told.policy?.invisible === true;
      const availability = availabilityOf(told);
      box.hidden = false;
      say.dataset.online = String(!isInvisible);
      say.dataset.availability = availability;
      label.replaceChildren(isInvisible ? "Invisible" : inWords[availability].now, " ", sayingLine(told) || "");
      toggle.checked = isInvisible;
      invisible.hidden = told.policy === undefined;
      problem.textContent = "";
    },
    /** What was set is not so. @param {string} why */
    refuse(why) {
      toggle.checked = self.policy?.invisible === true;
      problem.textContent = `That was not taken: ${why}`;
    },
  };
}
