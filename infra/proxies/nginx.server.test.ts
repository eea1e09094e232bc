import { provideNginx } from "@realchat/presence-testing";
import { describeProxied } from "./testing/proxied.ts";

describeProxied("nginx", {
  settings: "nginx.conf",
  provide: provideNginx,
  args: (file, folder) => ["-c", file, "-p", folder, "-g", "daemon off;"],
});
