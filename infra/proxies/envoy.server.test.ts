import { provideEnvoy } from "@realchat/presence-testing";
import { describeProxied } from "./testing/proxied.ts";

describeProxied("Envoy", {
  settings: "envoy.yaml",
  provide: provideEnvoy,
  args: (file) => ["-c", file, "--log-level", "warn", "--disable-hot-restart"],
});
