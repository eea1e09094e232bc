/** Hears of what listeners of the application throw, or reject with. */
export type OnListenerError = (error: unknown) => void;

/** As Node does with listeners of an EventTarget: to the process it is an exception that nobody caught. */
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
