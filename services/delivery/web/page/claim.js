// As long takes a page to go that is being loaded again, on a busy machine too.
const PATIENCE_MS = 1_000;

const forever = () => new Promise(() => {});

/**
 * Claims a name for this window, until it goes.
 * @param {string} name
 * @returns {Promise<boolean>} false: another window of this browser has it. True also where the browser cannot tell
 */
export async function claim(name) {
  if (!navigator.locks) return true;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return forever();
    };
    navigator.locks.request(name, { signal }, hold).catch(() => resolve(!signal.aborted));
  });
}

/** Claims a name that is this window's alone, however long the browser takes over it. @param {string} name */
export function claimOwn(name) {
  navigator.locks?.request(name, forever).catch(() => {});
}
