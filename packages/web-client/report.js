/** Tells the platform of an error of the application's that nobody listens for, as if it had not been caught. @param {unknown} error */
export function report(error) {
  if (typeof reportError === "function") return reportError(error);
  // Node has no reportError.
  queueMicrotask(() => {
    throw error;
  });
}
