// The kinds of values that settings and flags have, without what reads the settings of a service.
export { type Address, grpcPeer, isLoopback, listenAddress, peerAddress, showAddress } from "./address.ts";
export type { Environment } from "./environment.ts";
export { fileOf } from "./file-of.ts";
export { group } from "./group.ts";
export { bearerToken, integer, listOf, oneOf, secret, text, toggle, url } from "./kinds.ts";
export { nearest } from "./nearest.ts";
export { certificateFile, isKeyOf, type PemFile, privateKeyFile, publicKeyFile } from "./pem-file.ts";
export { live, type Setting, type SettingsTable, type ValueKind, type Values } from "./setting.ts";
export { byteSize, duration, showDuration } from "./units.ts";
