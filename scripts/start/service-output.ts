import { prettyFormat } from "@realchat/presence-runtime";

const NAME_WIDTH = "delivery".length;

/**
 * How lines of services come out of the one process that a terminal shows. The services log JSON, which says by itself
 * whose it is; made readable, each line begins with the service's name.
 */
export function outputFormat(isPretty: boolean): (service: string, line: string) => string {
  if (!isPretty) return (_, line) => `${line}\n`;
  const format = prettyFormat();
  return (service, line) => {
    // What is no JSON, such as the last words of a process, stays as it is.
    const lines = format(line).trimEnd().split("\n");
    return lines.map((text) => `${service.padEnd(NAME_WIDTH)} │ ${text}\n`).join("");
  };
}
