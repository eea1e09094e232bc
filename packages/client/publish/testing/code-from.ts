import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "@realchat/presence-testing";

/** The code of the one block in a document whose first line is `// <file>`, such as `// gateway.mjs`. */
export function codeFrom(document: string, file: string): string {
  const text = readFileSync(join(repository, document), "utf8");
  const blocks = [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  const [code] = blocks.filter((block) => block.startsWith(`// ${file}\n`));
  if (code === undefined) throw new Error(`${document} has no code block that begins with "// ${file}"`);
  return code;
}
