/** Hears of what listeners of the application throw, or reject with. */
export type OnListenerError = (error: unknown) => void;

/** As Node does with listeners of an EventTarget: the process takes it for an uncaught exception. */
export const throwUncaught: OnListenerError = (error) => {
  queueMicrotask(() => {
    throw error;
  });
};

/** Calls a listener of the application, whose faults are reported and go no further. Never throws. */
export function tell(listener: () => unknown, onListenerError: OnListenerError): void {
  const report = (error: unknown) => {
    try {
      onListenerError(error);
    } catch (worse) {
      throwUncaught(worse);
    }
  };
  try {
    const result = listener();
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}
