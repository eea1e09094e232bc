import { type ScriptedGateway, startScriptedGateway } from "@realchat/presence-web/testing";
import { serveWeb } from "../serve-web.ts";

/** The page, served by a gateway that says only what a test makes it say. */
export type ScriptedPage = { readonly origin: string; readonly gateway: ScriptedGateway };

export async function startScriptedPage(): Promise<ScriptedPage> {
  const gateway = await startScriptedGateway((request, response) => {
    if (!serveWeb(request, response)) response.writeHead(404).end();
  });
  return { origin: `http://${new URL(gateway.url).host}`, gateway };
}
