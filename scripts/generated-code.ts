/** Folders with proto files, and the packages whose folder `generated` holds the TypeScript made from them. */
export const generatedCode = [
  { proto: "proto", output: "packages/proto" },
  { proto: "packages/rpc/tests/interop/proto", output: "packages/rpc/tests/interop" },
] as const;
