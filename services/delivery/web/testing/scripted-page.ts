import { type ScriptedGateway, startScriptedGateway } from "@realchat/presence-web/testing";
import { webServer } from "../serve-web.ts";

/** The page, served by a gateway that says only what a test makes it say. */
export type ScriptedPage = { readonly origin: string; readonly gateway: ScriptedGateway };

export async function startScriptedPage({ asksForToken = false } = {}): Promise<ScriptedPage> {
  const serve = webServer({ asksForToken });
  const gateway = await startScriptedGateway((request, response) => {
    if (!serve(request, response)) response.writeHead(404).end();
  });
  return { origin: `http://${new URL(gateway.url).host}`, gateway };
}
