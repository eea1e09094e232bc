/** How many may run at the same time: `least` in any case, and up to `most` when `untilRoom` resolves for one more. */
type Width = { least: number; most: number; untilRoom(): Promise<void> };

/** Runs `work` on each item, on several at once: the least take them in order, and those beyond it from the end. */
export async function atOnce<T>(
  { least, most, untilRoom }: Width,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const worker = async (_: unknown, index: number) => {
    while (waiting.length > 0) {
      if (index >= least) await untilRoom();
      const item = index < least ? waiting.shift() : waiting.pop();
      if (item !== undefined) await work(item);
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
}
