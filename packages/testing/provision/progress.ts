/** Hears in a short line what takes a while, such as a download. */
export type Progress = (line: string) => void;

/** For a suite that is run by hand; the test command prints in its own way. */
export const toStandardError: Progress = (line) => process.stderr.write(`${line}\n`);
