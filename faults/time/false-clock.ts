import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { temporaryFolder } from "@realchat/presence-testing";

/** Processes look at the file once in this time, s: Redis asks for the time with every command. */
const lookEveryS = 1;

/** The wall clock of a process, which can be stepped. Needs libfaketime: https://github.com/wolfcw/libfaketime */
export class FalseClock {
  readonly #library: string;
  readonly #folder = temporaryFolder("false-clock").path;

  /** @param library see findFaketime */
  constructor(library: string) {
    this.#library = library;
    this.#write(0);
  }

  /** Of the process whose clock it shall be. */
  get env(): Record<string, string> {
    return {
      // Redis' own allocator asks for the time before libfaketime is ready to tell it: the one of libc comes before it.
      LD_PRELOAD: `${this.#library} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: String(lookEveryS),
      // A machine's clock is put right, or wrong; how long something takes stays what it is.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Resolves when the process tells the time that differs by `seconds` from the machine's. */
  async step(seconds: number): Promise<void> {
    this.#write(seconds);
    // It counts whole seconds.
    await pause(systemClock, 2 * lookEveryS * 1_000 + 200);
  }

  get #file(): string {
    return join(this.#folder, "offset");
  }

  #write(seconds: number): void {
    const next = `${this.#file}.next`;
    writeFileSync(next, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    renameSync(next, this.#file);
  }
}

/** The library that this machine has, or LIBFAKETIME names; undefined if there is none. */
export function findFaketime(): string | undefined {
  const { LIBFAKETIME } = process.env;
  if (LIBFAKETIME !== undefined && LIBFAKETIME !== "") return LIBFAKETIME;
  const folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"].filter((folder) => existsSync(folder));
  const places = folders.flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))]);
  // The one for programs with threads, of which Node is one.
  return places.map((place) => join(place, "faketime", "libfaketimeMT.so.1")).find((path) => existsSync(path));
}
