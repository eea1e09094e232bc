/**
 * Keeps `inFlight` calls in flight until `count` were answered, as so many callers do that each wait for their answer.
 * @param call begins the call of that index; `answered` is to be called when it is over, not before `call` returned
 */
export function closedLoop(
  { count, inFlight }: { count: number; inFlight: number },
  call: (index: number, answered: () => void) => void,
): Promise<void> {
  return new Promise((resolve) => {
    let begun = 0;
    let over = 0;
    const answered = () => {
      over += 1;
      if (begun < count) call(begun++, answered);
      else if (over === count) resolve();
    };
    while (begun < Math.min(inFlight, count)) call(begun++, answered);
  });
}

/** The same for calls that are promises. */
export async function closedLoopOf(
  load: { count: number; inFlight: number },
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let failure: unknown;
  await closedLoop(load, (index, answered) => {
    call(index).then(answered, (error) => {
      failure ??= error;
      answered();
    });
  });
  if (failure !== undefined) throw failure;
}
