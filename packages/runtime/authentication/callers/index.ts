export { callerLine, type ListedCaller, parseCallers, sha256Of } from "./caller-list.ts";
export { certificateIdentities } from "./certificate-identities.ts";
export { newToken } from "./new-token.ts";
export { isScope, type Scope, scopes } from "./scope.ts";
