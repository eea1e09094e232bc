import { describe } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { MemoryDirectory } from "../../audience/memory/memory-directory.ts";
import { policyDirectoryContract } from "../testing/policy-directory.contract.ts";
import { MemoryPolicyDirectory } from "./memory-policy-directory.ts";

describe("policies in memory", () => {
  policyDirectoryContract(async () => {
    const stored = new MemoryDirectory({}, systemClock);
    const gateway = { stored, policies: new MemoryPolicyDirectory(stored, systemClock) };
    return { gateways: [gateway, gateway], close: async () => {} };
  });
});
