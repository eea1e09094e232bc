import type { HeaderField } from "../hpack/header-field.ts";

/** The bytes of a `-bin` key: base64, with or without padding; of several values in one field, the first. */
export function binaryValue(fields: readonly HeaderField[], key: string): Buffer | undefined {
  const text = firstValue(fields, key);
  return text === undefined ? undefined : Buffer.from(text.split(",", 1)[0] as string, "base64");
}

export function textValue(fields: readonly HeaderField[], key: string): string | undefined {
  if (key.endsWith("-bin")) return binaryValue(fields, key)?.toString();
  return firstValue(fields, key);
}

function firstValue(fields: readonly HeaderField[], key: string): string | undefined {
  return fields.find(({ name }) => name === key)?.value;
}
