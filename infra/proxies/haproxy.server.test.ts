import { provideHaproxy } from "@realchat/presence-testing";
import { describeProxied } from "./testing/proxied.ts";

describeProxied("HAProxy", { settings: "haproxy.cfg", provide: provideHaproxy, args: (file) => ["-f", file] });
