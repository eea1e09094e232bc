interface Output {
  on(event: "error", listener: () => void): unknown;
}

/**
 * Output that cannot be written is lost, and ends nothing: its reader is gone (EPIPE), as with `| head` or when Ctrl-C
 * ended `tee` first, the terminal is closed (EIO), or the disk is full (ENOSPC). Without a listener Node would throw
 * each such error where no code can catch it.
 */
export function outliveBrokenOutput(...outputs: readonly Output[]): void {
  for (const output of outputs) output.on("error", () => undefined);
}
