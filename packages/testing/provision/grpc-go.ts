import { repository } from "./folders.ts";
import { buildGoProgram } from "./go-program.ts";
import { handedOver } from "./hand-over.ts";
import { type Progress, toStandardError } from "./progress.ts";

/** The interoperability client on Go's gRPC. As buildGoProgram. */
export async function provideGrpcGo(say: Progress = toStandardError): Promise<string> {
  const known = handedOver<string>("grpcGo");
  return known ?? buildGoProgram("grpc-go", `${repository}/packages/rpc/tests/interop/grpc-go`, say);
}
