import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { Client, credentials, status } from "@grpc/grpc-js";
import { fileDescriptorSet, reflection } from "@realchat/presence-proto";
import { Health } from "./health.ts";
import { reflectionServices } from "./reflection.ts";
import { createRpcServer } from "./server/rpc-server.ts";
import { implement, type Service } from "./service.ts";

type Question = NonNullable<reflection.ServerReflectionRequest["messageRequest"]>;

for (const version of ["v1", "v1alpha"]) {
  test(`${version}: it lists the services that are served and described`, async (t) => {
    const services = [new Health().service, implement({ fullName: "test.v1.NotDescribed", methods: {} }, {})];
    const { ask } = await serveReflection(t, { services, version });
    const [answer] = await ask({ $case: "listServices", listServices: "" });
    assert.equal(answer?.$case, "listServicesResponse");
    assert.deepEqual(
      answer.listServicesResponse.service.map(({ name }) => name),
      ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"],
    );
  });
}

test("a symbol leads to its file: types, nested types, services and methods", async (t) => {
  const { ask } = await serveReflection(t);
  for (const symbol of [
    "grpc.health.v1.HealthCheckRequest",
    "grpc.health.v1.HealthCheckResponse.ServingStatus",
    "grpc.health.v1.Health",
    "grpc.health.v1.Health.Check",
  ]) {
    const [answer] = await ask({ $case: "fileContainingSymbol", fileContainingSymbol: symbol });
    assert.deepEqual(fileNames(answer), ["grpc/health/v1/health.proto"], symbol);
  }
});

test("a file comes with everything it imports, directly and indirectly, each once", async (t) => {
  const { ask } = await serveReflection(t, { descriptors: diamondOfImports() });
  const [byName, bySymbol, leaf] = await ask(
    { $case: "fileByFilename", fileByFilename: "top.proto" },
    { $case: "fileContainingSymbol", fileContainingSymbol: "test.Top" },
    { $case: "fileByFilename", fileByFilename: "bottom.proto" },
  );
  assert.deepEqual(fileNames(byName), ["top.proto", "left.proto", "right.proto", "bottom.proto"]);
  assert.deepEqual(fileNames(bySymbol), fileNames(byName));
  assert.deepEqual(fileNames(leaf), ["bottom.proto"]);
});

test("the files are the contracts' own, whole", async (t) => {
  const { ask } = await serveReflection(t);
  const original = fromBinary(FileDescriptorSetSchema, fileDescriptorSet()).file;
  const [answer] = await ask({ $case: "fileByFilename", fileByFilename: "grpc/health/v1/health.proto" });
  assert.deepEqual(
    files(answer)[0],
    original.find(({ name }) => name === "grpc/health/v1/health.proto"),
  );
});

test("extensions are found by the message they extend", async (t) => {
  const { ask } = await serveReflection(t, { descriptors: diamondOfImports() });
  const [numbers, file, missing] = await ask(
    { $case: "allExtensionNumbersOfType", allExtensionNumbersOfType: "test.Bottom" },
    {
      $case: "fileContainingExtension",
      fileContainingExtension: { containingType: "test.Bottom", extensionNumber: 100 },
    },
    {
      $case: "fileContainingExtension",
      fileContainingExtension: { containingType: "test.Bottom", extensionNumber: 7 },
    },
  );
  assert.equal(numbers?.$case, "allExtensionNumbersResponse");
  assert.deepEqual(numbers.allExtensionNumbersResponse, { baseTypeName: "test.Bottom", extensionNumber: [100] });
  assert.deepEqual(fileNames(file), ["left.proto", "bottom.proto"]);
  assert.equal(missing?.$case, "errorResponse");
});

test("what is unknown is an answer, after which more may be asked", async (t) => {
  const { ask } = await serveReflection(t);
  const answers = await ask(
    { $case: "fileByFilename", fileByFilename: "nowhere.proto" },
    { $case: "fileContainingSymbol", fileContainingSymbol: "grpc.health.v1.Health.Nothing" },
    { $case: "fileContainingSymbol", fileContainingSymbol: "" },
    { $case: "allExtensionNumbersOfType", allExtensionNumbersOfType: "no.Message" },
    undefined,
    { $case: "listServices", listServices: "" },
  );
  const errors = answers.map((answer) => answer?.$case === "errorResponse" && answer.errorResponse);
  assert.deepEqual(errors, [
    { errorCode: status.NOT_FOUND, errorMessage: "no file nowhere.proto" },
    { errorCode: status.NOT_FOUND, errorMessage: "no file declares grpc.health.v1.Health.Nothing" },
    { errorCode: status.NOT_FOUND, errorMessage: "no file declares " },
    { errorCode: status.NOT_FOUND, errorMessage: "no message has the name no.Message" },
    { errorCode: status.INVALID_ARGUMENT, errorMessage: "message_request is missing or unknown to this server" },
    false,
  ]);
});

interface ReflectionOptions {
  readonly services?: readonly Service[];
  readonly descriptors?: Uint8Array;
  readonly version?: string;
}

/** @returns `ask`, which sends questions on one stream and resolves to their answers, in order */
async function serveReflection(t: TestContext, options: ReflectionOptions = {}) {
  const { services = [], descriptors = fileDescriptorSet(), version = "v1" } = options;
  const server = createRpcServer({ services: reflectionServices(services, descriptors) });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await server.drain(0);
  });
  const ask = async (...questions: (Question | undefined)[]) => {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const stream = client.makeBidiStreamRequest(path, encode, decode);
    for (const messageRequest of questions) stream.write({ host: "here", messageRequest });
    stream.end();
    const answers: reflection.ServerReflectionResponse["messageResponse"][] = [];
    for await (const { validHost, originalRequest, messageResponse } of stream) {
      assert.equal(validHost, "here");
      assert.deepEqual(originalRequest, { host: "here", messageRequest: questions[answers.length] });
      answers.push(messageResponse);
    }
    return answers;
  };
  return { ask };
}

function files(answer: reflection.ServerReflectionResponse["messageResponse"]) {
  assert.equal(answer?.$case, "fileDescriptorResponse");
  const { fileDescriptorProto } = answer.fileDescriptorResponse;
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function fileNames(answer: reflection.ServerReflectionResponse["messageResponse"]): string[] {
  return files(answer).map(({ name }) => name);
}

/** top.proto imports left and right, which both import bottom; left also extends a message of bottom. */
function diamondOfImports(): Uint8Array {
  const file = (name: string, message: string, dependency: string[]) => ({
    name,
    package: "test",
    syntax: "proto2",
    dependency,
    messageType: [{ name: message, extensionRange: [{ start: 100, end: 200 }] }],
  });
  const extension = {
    name: "mark",
    extendee: ".test.Bottom",
    number: 100,
    label: FieldDescriptorProto_Label.OPTIONAL,
    type: FieldDescriptorProto_Type.STRING,
  };
  const set = create(FileDescriptorSetSchema, {
    file: [
      file("bottom.proto", "Bottom", []),
      { ...file("left.proto", "Left", ["bottom.proto"]), extension: [extension] },
      file("right.proto", "Right", ["bottom.proto"]),
      file("top.proto", "Top", ["left.proto", "right.proto"]),
    ],
  });
  return toBinary(FileDescriptorSetSchema, set);
}

const encode = (request: reflection.ServerReflectionRequest) =>
  Buffer.from(reflection.ServerReflectionRequest.encode(request).finish());
const decode = (bytes: Buffer) => reflection.ServerReflectionResponse.decode(bytes);
