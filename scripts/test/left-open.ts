/** A part of the report that Node makes of a process. https://nodejs.org/api/report.html */
type Handle = {
  readonly type: string;
  readonly is_active: boolean;
  readonly is_referenced?: boolean;
  readonly pid?: number;
  readonly localEndpoint?: Endpoint | null;
  readonly remoteEndpoint?: Endpoint | null;
};

type Endpoint = { readonly host: string; readonly port: number };

/** What keeps this process from ending, a line each: how many of which kind, and then each of which more is known. */
export function leftOpen(): string[] {
  const kinds = Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind);
  const counts = [...kinds].map(([kind, { length }]) => `${length} ${kind}`);
  const { libuv } = process.report.getReport() as unknown as { libuv: readonly Handle[] };
  const details = libuv.filter((handle) => handle.is_active && handle.is_referenced).flatMap(described);
  return [counts.join(", "), ...details];
}

function described({ type, pid, localEndpoint, remoteEndpoint }: Handle): string[] {
  if (type === "process") return [`process ${pid}`];
  if (localEndpoint == null) return [];
  if (remoteEndpoint == null) return [`${type} server at ${addressOf(localEndpoint)}`];
  return [`${type} from ${addressOf(localEndpoint)} to ${addressOf(remoteEndpoint)}`];
}

function addressOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
