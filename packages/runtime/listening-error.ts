/** Codes of uv_bind, uv_listen and getaddrinfo. Source: https://docs.libuv.org/en/v1.x/errors.html */
const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there; stop it or choose another port",
  EADDRNOTAVAIL: "this machine has no such address; use one of its own, such as 127.0.0.1",
  ENOTFOUND: "this name has no address; use an address, such as 127.0.0.1",
  EACCES: "this user may not listen there; choose a port above 1023",
};

/** What keeps a server from listening, and what to do about it; by the code of the error or of its cause. */
export function listeningError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return reasons[codeOf(error)] ?? reasons[codeOf(error.cause)] ?? error.message;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
