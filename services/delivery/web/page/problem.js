import { element } from "./element.js";

/** Instead of everything: what is wrong, and a way to try again. @param {string} problem @param {() => void} tryAgain */
export function problemView(problem, tryAgain) {
  return element(
    "div",
    { class: "sign-in" },
    element("h1", { role: "alert" }, problem),
    element("p", { class: "lead" }, "The page needs it to know who is there. It may be restarting."),
    element("button", { type: "button", class: "again", click: tryAgain }, "Try again"),
  );
}
