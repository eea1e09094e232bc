/**
 * Aborts on the first SIGINT or SIGTERM. Later ones are ignored, since one Ctrl-C may arrive twice: from the terminal,
 * and passed on by npm or by `bin/presence.mjs`.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  return stop.signal;
}
