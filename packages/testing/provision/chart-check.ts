import { repository } from "./folders.ts";
import { buildGoProgram } from "./go-program.ts";
import { handedOver } from "./hand-over.ts";
import { type Progress, toStandardError } from "./progress.ts";

/** What renders, lints and checks the chart, with Helm's own packages and the Kubernetes API's types. As buildGoProgram. */
export async function provideChartCheck(say: Progress = toStandardError): Promise<string> {
  const known = handedOver<string>("chartCheck");
  return known ?? buildGoProgram("chart-check", `${repository}/infra/helm/check`, say);
}
