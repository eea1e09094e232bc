/** @import { Availability, OwnStatus, Self } from "../../../../packages/web-client/types.d.ts" */
import { availabilities, inWords } from "./availability.js";
import { element } from "./element.js";
import { endOfDay, inputMoment } from "./time.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const LONGEST_MS = 30 * 24 * HOUR_MS;

/** @typedef {keyof typeof ends} End */
const ends = {
  half: "30 minutes",
  hour: "1 hour",
  today: "Today",
  date: "A date and time",
  never: "I clear it",
};

/** @type {readonly { emoji: string, text: string, availability: Availability, end: End }[]} */
const presets = [
  { emoji: "🗓️", text: "In a meeting", availability: "busy", end: "hour" },
  { emoji: "🎧", text: "Focusing", availability: "do_not_disturb", end: "hour" },
  { emoji: "🥪", text: "At lunch", availability: "away", end: "half" },
  { emoji: "🏠", text: "Working from home", availability: "available", end: "today" },
  { emoji: "🤒", text: "Out sick", availability: "away", end: "today" },
  { emoji: "🌴", text: "On holiday", availability: "away", end: "date" },
];

const emojis = { "💬": "speech", "🚆": "train", "☕": "coffee", "🎉": "party", "🚀": "rocket", "🙏": "thanks" };

/**
 * Asks how one is, and until when.
 * @param {{ set(status: OwnStatus): void, clear(): void }} actions
 */
export function statusPicker({ set, clear }) {
  const emoji = element("input", {
    ...{ id: "emoji", class: "emoji", pattern: "\\p{RGI_Emoji}", title: "One emoji", autocomplete: "off", size: 4 },
  });
  const text = element("input", {
    id: "status-text",
    maxlength: 140,
    autocomplete: "off",
    placeholder: "In a meeting",
  });
  const end = element(
    "select",
    { id: "end", change: () => chooseEnd(/** @type {End} */ (end.value)) },
    ...Object.entries(ends).map(([value, label]) => element("option", { value }, label)),
  );
  const date = element("input", { id: "date", type: "datetime-local", "aria-label": "Date and time" });
  const choice = availabilityChoice();
  const problem = element("p", { class: "problem", role: "alert" });
  const chooseEnd = (/** @type {End} */ value, untilMs = Date.now() + HOUR_MS) => {
    end.value = value;
    date.hidden = value !== "date";
    date.required = value === "date";
    date.min = inputMoment(Date.now() + MINUTE_MS);
    date.max = inputMoment(Date.now() + LONGEST_MS);
    date.value = inputMoment(untilMs);
  };
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const availability = choice.value();
    const status = { text: text.value.trim(), emoji: emoji.value.trim(), ...(availability && { availability }) };
    if (!status.text && !status.emoji && !availability) {
      problem.textContent = "Say something: a text, an emoji or how available you are.";
      return;
    }
    const untilMs = untilOf(/** @type {End} */ (end.value), date.value);
    set({ ...status, ...(untilMs !== undefined && { until: untilMs }) });
    dialog.close();
  };
  const fill = (/** @type {OwnStatus} */ status) => {
    text.value = status.text ?? "";
    emoji.value = status.emoji ?? "";
    choice.choose(status.availability);
    problem.textContent = "";
  };
  const preset = (/** @type {(typeof presets)[number]} */ one) =>
    element(
      "button",
      {
        type: "button",
        click() {
          fill(one);
          chooseEnd(one.end);
          text.focus();
        },
      },
      element("span", { "aria-hidden": "true" }, one.emoji),
      ` ${one.text}`,
    );
  const quickEmoji = (/** @type {[string, string]} */ [sign, name]) => {
    const choose = () => {
      emoji.value = sign;
    };
    return element("button", { type: "button", "aria-label": name, click: choose }, sign);
  };
  const dialog = element(
    "dialog",
    { class: "picker", "aria-labelledby": "picker-title" },
    element(
      "form",
      { submit },
      element("h2", { id: "picker-title" }, "Your status"),
      element("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...presets.map(preset)),
      element(
        "div",
        { class: "said" },
        element("div", {}, element("label", { for: "emoji" }, "Emoji"), emoji),
        element("div", {}, element("label", { for: "status-text" }, "What are you up to?"), text),
      ),
      element(
        "div",
        { class: "emojis", role: "group", "aria-label": "Emoji" },
        ...Object.entries(emojis).map(quickEmoji),
      ),
      choice.box,
      element("div", { class: "end" }, element("label", { for: "end" }, "Until"), end, date),
      problem,
      element(
        "div",
        { class: "buttons" },
        element(
          "button",
          {
            type: "button",
            click() {
              clear();
              dialog.close();
            },
          },
          "Clear status",
        ),
        element("button", { type: "button", click: () => dialog.close() }, "Cancel"),
        element("button", { class: "primary" }, "Save"),
      ),
    ),
  );
  return {
    dialog,
    /** @param {Self} self from which it starts */
    open({ availability, status }) {
      const untilMs = status?.until;
      fill({ ...status, ...(status && { availability }) });
      chooseEnd(untilMs === undefined ? "hour" : "date", untilMs);
      dialog.showModal();
    },
  };
}

function availabilityChoice() {
  const choice = (/** @type {Availability | ""} */ value, /** @type {string} */ label) =>
    element(
      "label",
      { "data-online": "true", "data-availability": value || "available" },
      element("input", { type: "radio", name: "availability", value }),
      element("span", {}, value !== "" && element("span", { class: "dot" }), label),
    );
  const box = element(
    "fieldset",
    { class: "availabilities" },
    element("legend", {}, "How available are you?"),
    choice("", "Automatic"),
    ...availabilities.map((one) => choice(one, inWords[one].choice)),
  );
  const inputs = [...box.querySelectorAll("input")];
  return {
    box,
    /** @returns {Availability | undefined} undefined: as it follows from what one does */
    value: () => /** @type {Availability} */ (inputs.find(({ checked }) => checked)?.value) || undefined,
    choose(/** @type {Availability | undefined} */ availability) {
      for (const input of inputs) input.checked = input.value === (availability ?? "");
    },
  };
}

/** @param {End} end @param {string} date as the input has it */
function untilOf(end, date) {
  switch (end) {
    case "half":
      return Date.now() + HOUR_MS / 2;
    case "hour":
      return Date.now() + HOUR_MS;
    case "today":
      return endOfDay(Date.now());
    case "date":
      return new Date(date).getTime();
    case "never":
      return undefined;
  }
}
