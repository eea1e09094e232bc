export { type Issued, issueCertificates } from "./certificates.ts";
export { isTrusted } from "./is-trusted.ts";
