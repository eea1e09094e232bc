export { ContractReader, type ReaderChange } from "./contract-reader.ts";
