import { stripVTControlCharacters } from "node:util";

/** Rows to lines with aligned columns, two spaces between them; colors count for nothing. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows.map((row) => joinCells(row, widths));
}

/** One row of a table whose further rows are not known yet. @param widths least width of each column */
export function joinCells(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
    .join("  ")
    .trimEnd();
}

/** Text from elsewhere, made harmless for a terminal: an id in a Kafka record may hold escape sequences. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function width(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
