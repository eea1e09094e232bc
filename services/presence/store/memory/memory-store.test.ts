import { describe } from "node:test";
import { storeContract } from "../store.contract.ts";
import { openMemoryHarness } from "./memory-harness.ts";

describe("memory store", () => storeContract(openMemoryHarness));
