import { markdownTable } from "@realchat/presence-runtime";
import { presenceSettings } from "../services/presence/config.ts";

const begin = "<!-- settings: `npm run generate` writes this table -->";
const end = "<!-- /settings -->";

/** The README with its configuration table as the settings have it. @throws Error when the table's place is gone */
export function withSettingsTable(readme: string): string {
  const start = readme.indexOf(begin);
  const stop = readme.indexOf(end);
  if (start === -1 || stop < start) throw new Error(`README.md has no lines "${begin}" and "${end}" for the settings`);
  const table = markdownTable(presenceSettings).trim();
  return `${readme.slice(0, start + begin.length)}\n\n${table}\n\n${readme.slice(stop)}`;
}
