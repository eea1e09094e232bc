export { type Issued, issueCertificates } from "./certificates.ts";
