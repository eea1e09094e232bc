/** @import { DeviceKind } from "./device.js" */
/** @import { Token } from "./token.js" */
import { deviceChoice } from "./device-choice.js";
import { element } from "./element.js";
import { readToken } from "./token.js";

/**
 * Asks for a token, where the gateway takes nobody's word for who he is.
 * @param {(token: Token, kind: DeviceKind) => void} signIn
 * @param {string} [problem] why one is asked again
 */
export function tokenSignInView(signIn, problem = "") {
  const devices = deviceChoice();
  const input = element("textarea", {
    ...{ id: "token", rows: 5, required: true, spellcheck: "false", autocomplete: "off" },
    ...{ placeholder: "eyJhbGciOi…", "aria-describedby": "token-hint token-problem" },
  });
  const complaint = element("p", { id: "token-problem", class: "problem", role: "alert" }, problem);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const token = readToken(input.value);
    if (token === undefined) complaint.textContent = "This is no token: paste a JWT that has a subject (sub).";
    else signIn(token, devices.kind());
  };
  return element(
    "div",
    { class: "sign-in" },
    element("h1", { tabindex: "-1" }, "Who is online, right now."),
    element(
      "p",
      { class: "lead" },
      "This gateway asks who you are. Sign in with the token that you have from your login.",
    ),
    element(
      "form",
      { class: "card token", submit },
      element("label", { for: "token" }, "Token"),
      input,
      complaint,
      element(
        "p",
        { id: "token-hint", class: "hint" },
        "A JWT, signed with the gateway’s key, whose subject is you. For trying, with the gateway’s JWT_SECRET: ",
        element("code", {}, "npm run -s delivery -- token ada"),
      ),
      devices.box,
      element("button", { class: "primary" }, "Sign in"),
    ),
  );
}
