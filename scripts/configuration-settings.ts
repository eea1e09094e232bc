import { markdownTable, type SettingsTable } from "@realchat/presence-runtime";
import { deliverySettings } from "../services/delivery/settings.ts";
import { presenceSettings } from "../services/presence/settings.ts";

const tables: Record<string, SettingsTable> = { presence: presenceSettings, delivery: deliverySettings };

/** docs/configuration.md with its tables as the services have them. @throws Error when a table's place is gone */
export function withSettingsTables(document: string): string {
  return Object.entries(tables).reduce((text, [service, settings]) => withTable(text, service, settings), document);
}

function withTable(document: string, service: string, settings: SettingsTable): string {
  const begin = `<!-- settings of ${service}: \`npm run generate\` writes this table -->`;
  const end = `<!-- /settings of ${service} -->`;
  const start = document.indexOf(begin);
  const stop = document.indexOf(end);
  if (start === -1 || stop < start) throw new Error(`docs/configuration.md lacks the lines "${begin}" and "${end}"`);
  return `${document.slice(0, start + begin.length)}\n\n${markdownTable(settings).trim()}\n\n${document.slice(stop)}`;
}
