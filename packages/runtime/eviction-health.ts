/** What a readiness check says of a store that may drop what nobody ended. No reason to be called by nobody: it answers. */
export function evictionHealth(eviction: { readonly detail: string; readonly isAllowed: boolean } | undefined): {
  ready: boolean;
  detail: string;
  optional: true;
} {
  return {
    ready: eviction?.isAllowed ?? true,
    detail: eviction === undefined ? "nothing is evicted" : `Redis ${eviction.detail}`,
    optional: true,
  };
}
