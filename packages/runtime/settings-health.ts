/** What a readiness check says of settings of a store that make a failure worse. No reason to be called by nobody. */
export function settingsHealth({
  risks,
  unknown,
}: {
  readonly risks: readonly string[];
  readonly unknown?: string | undefined;
}): {
  ready: boolean;
  detail: string;
  optional: true;
} {
  return {
    ready: risks.length === 0,
    detail:
      risks.length > 0
        ? `Redis' ${risks.join("; ")}`
        : (unknown ?? "nothing that Redis is set to do costs more than it need"),
    optional: true,
  };
}
