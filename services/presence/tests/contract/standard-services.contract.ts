import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { health } from "@realchat/presence-proto";
import type { ContractHarness } from "./contract-harness.ts";

const { SERVING, SERVICE_UNKNOWN } = health.HealthCheckResponse_ServingStatus;
const presenceApi = "realchat.presence.v1.PresenceApi";

/** What tools and orchestrators expect of any gRPC server. */
export const standardServices = (harness: ContractHarness) =>
  describe("health and reflection", () => {
    for (const service of ["", presenceApi]) {
      test(`health of "${service}" is SERVING, watched and asked`, async () => {
        const { client } = harness;
        const watch = client.health.watch({ service });
        const told: health.HealthCheckResponse_ServingStatus[] = [];
        for await (const { status } of watch) {
          told.push(status);
          if (status === SERVING) break;
        }
        assert(!told.includes(SERVICE_UNKNOWN), "the name is known from the start");
        assert.deepEqual(await client.health.check({ service }), { status: SERVING });
      });
    }

    test("health of a service that is not here is NOT_FOUND, watched SERVICE_UNKNOWN", async () => {
      await assert.rejects(harness.client.health.check({ service: "no.such.Service" }), { code: "NOT_FOUND" });
      const watch = harness.client.health.watch({ service: "no.such.Service" });
      assert.deepEqual(await watch[Symbol.asyncIterator]().next(), { done: false, value: { status: SERVICE_UNKNOWN } });
      watch.cancel();
    });

    test("reflection lists the services and hands out the contract with what it imports", async () => {
      const listed = await harness.client.reflect({ $case: "listServices", listServices: "" });
      assert(listed?.$case === "listServicesResponse");
      assert.deepEqual(
        listed.listServicesResponse.service.map(({ name }) => name),
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", presenceApi],
      );
      const found = await harness.client.reflect({ $case: "fileContainingSymbol", fileContainingSymbol: presenceApi });
      assert(found?.$case === "fileDescriptorResponse");
      const files = found.fileDescriptorResponse.fileDescriptorProto.map((file) =>
        fromBinary(FileDescriptorProtoSchema, file),
      );
      assert.deepEqual(files.map(({ name }) => name).toSorted(), [
        "google/protobuf/duration.proto",
        "google/protobuf/timestamp.proto",
        "realchat/presence/v1/presence.proto",
      ]);
      const [service] = files.find(({ name }) => name === "realchat/presence/v1/presence.proto")?.service ?? [];
      assert.deepEqual(service?.method.map(({ name }) => name).toSorted(), [
        "BatchGetUserDevices",
        "ClearStatus",
        "CloseLease",
        "CloseSessions",
        "GetPresence",
        "GetStatus",
        "GetUserDevices",
        "KeepLease",
        "ListLeases",
        "ListSessions",
        "OpenLease",
        "RefreshSession",
        "RefreshSessions",
        "RegisterSession",
        "RegisterSessions",
        "SetActivity",
        "SetStatus",
        "ShouldNotify",
        "UnregisterSession",
        "UnregisterSessions",
        "WatchDevices",
        "WatchLease",
        "WatchPresence",
      ]);
    });
  });
