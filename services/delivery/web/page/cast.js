import { element } from "./element.js";

/** @typedef {{ id: string, name: string, role: string, hue: number }} Person */

/** @type {Map<string, Person>} */
const people = new Map();

/** Those one can sign in as. */
export async function loadCast() {
  const { people: cast } = await (await fetch("/sample-cast.json")).json();
  for (const person of cast) people.set(person.id, person);
  return [...people.values()];
}

/** Whether one has to sign in with a token, as the gateway says. @returns {Promise<boolean>} */
export async function asksForToken() {
  return (await (await fetch("/gateway.json")).json()).asksForToken;
}

/** Somebody of the cast, or whom the gateway shows besides. @param {string} id @returns {Person} */
export function personOf(id) {
  return (
    people.get(id) ?? { id, name: id, role: "", hue: [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) }
  );
}

/** Initials on the person's color. @param {Person} person */
export function avatar({ name, hue }) {
  const initials = name.split(/\s+/).map(firstLetter).slice(0, 2).join("").toUpperCase();
  const made = element("span", { class: "avatar", "aria-hidden": "true" }, initials);
  made.style.setProperty("--hue", String(hue % 360));
  return made;
}

const letters = new Intl.Segmenter();

/** As a reader counts them: an emoji, or a letter with its accents, is one. @param {string} word */
function firstLetter(word) {
  const [first] = letters.segment(word);
  return first?.segment ?? "";
}
