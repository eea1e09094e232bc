import { createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { reflection } from "@realchat/presence-proto";
import { implement, type ResponseStream, type Service } from "./service.ts";
import { RpcError, rpcCodes } from "./status.ts";

type Request = reflection.ServerReflectionRequest;
type Response = reflection.ServerReflectionResponse;

/**
 * Server reflection, which lets grpcurl and its like call services without their proto files; also under the name
 * v1alpha, which older ones ask for and which has the same messages.
 * Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 * @param serving what is told to exist; services of which the descriptors know nothing are left out
 * @param fileDescriptorSet serialized google.protobuf.FileDescriptorSet, imports included
 */
export function reflectionServices(serving: readonly Service[], fileDescriptorSet: Uint8Array): Service[] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, fileDescriptorSet));
  const v1 = reflection.ServerReflectionDefinition;
  const v1alpha = { ...v1, fullName: "grpc.reflection.v1alpha.ServerReflection" };
  const names = [...serving.map(({ definition }) => definition.fullName), v1.fullName]
    .filter((name) => registry.getService(name) !== undefined)
    .sort();

  const serverReflectionInfo = async (requests: AsyncIterable<Request>, responses: ResponseStream<Response>) => {
    for await (const request of requests) {
      const messageResponse = answer(registry, names, request.messageRequest);
      const hasRoom = responses.write({ validHost: request.host, originalRequest: request, messageResponse });
      if (!hasRoom) await responses.drained();
    }
  };
  return [v1, v1alpha].map((definition) => implement(definition, { serverReflectionInfo }));
}

function answer(
  registry: FileRegistry,
  services: readonly string[],
  request: Request["messageRequest"],
): Response["messageResponse"] {
  try {
    switch (request?.$case) {
      case "listServices":
        return {
          $case: "listServicesResponse",
          listServicesResponse: { service: services.map((name) => ({ name })) },
        };
      case "fileByFilename":
        return files(registry.getFile(request.fileByFilename), `file ${request.fileByFilename}`);
      case "fileContainingSymbol":
        return files(
          fileDeclaring(registry, request.fileContainingSymbol),
          `file declares ${request.fileContainingSymbol}`,
        );
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = request.fileContainingExtension;
        const extended = registry.getMessage(containingType);
        const extension = extended && registry.getExtensionFor(extended, extensionNumber);
        return files(extension?.file, `file extends ${containingType} by ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType":
        return extensionNumbers(registry, request.allExtensionNumbersOfType);
      default:
        throw new RpcError("INVALID_ARGUMENT", "message_request is missing or unknown to this server");
    }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    // An answer, not a status: the caller may go on asking on this stream.
    return { $case: "errorResponse", errorResponse: { errorCode: rpcCodes[error.code], errorMessage: error.message } };
  }
}

/** The file and all that it imports, directly and indirectly: what a caller needs to understand it. */
function files(file: DescFile | undefined, sought: string): Response["messageResponse"] {
  if (file === undefined) throw new RpcError("NOT_FOUND", `no ${sought}`);
  const closure = new Set([file]);
  // A Set hands out what is added while it is being walked.
  for (const { dependencies } of closure) for (const dependency of dependencies) closure.add(dependency);
  const fileDescriptorProto = [...closure].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  return { $case: "fileDescriptorResponse", fileDescriptorResponse: { fileDescriptorProto } };
}

/** @param symbol `package.Type`, `package.Service` or `package.Service.Method` */
function fileDeclaring(registry: FileRegistry, symbol: string): DescFile | undefined {
  const declared = registry.get(symbol);
  if (declared !== undefined) return declared.file;
  const lastDot = symbol.lastIndexOf(".");
  const service = registry.getService(symbol.slice(0, lastDot));
  return service?.methods.some(({ name }) => name === symbol.slice(lastDot + 1)) ? service.file : undefined;
}

function extensionNumbers(registry: FileRegistry, baseTypeName: string): Response["messageResponse"] {
  if (registry.getMessage(baseTypeName) === undefined) {
    throw new RpcError("NOT_FOUND", `no message has the name ${baseTypeName}`);
  }
  const extensions = [...registry].filter((type) => type.kind === "extension");
  const extensionNumber = extensions
    .filter(({ extendee }) => extendee.typeName === baseTypeName)
    .map(({ number }) => number);
  return { $case: "allExtensionNumbersResponse", allExtensionNumbersResponse: { baseTypeName, extensionNumber } };
}
