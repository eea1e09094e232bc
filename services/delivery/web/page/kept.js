/** What this window keeps over reloads, and no other window sees; where the browser lets it keep nothing, until the page goes. */

/** @type {Map<string, string | undefined>} */
const inMemory = new Map();

/** @param {string} name @returns {string | undefined} */
export function kept(name) {
  if (inMemory.has(name)) return inMemory.get(name);
  try {
    return sessionStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} name @param {string | undefined} value undefined: forgets it */
export function keep(name, value) {
  inMemory.set(name, value);
  try {
    if (value === undefined) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, value);
  } catch {
    // Blocked, or full: a reload is then another device, and asks who one is.
  }
}
