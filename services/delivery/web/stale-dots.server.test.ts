import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pageScene, styleOf, untilText } from "./testing/page-scene.ts";

const scene = pageScene();

const bruno = { id: "bruno", online: true, version: 1, devices: ["laptop-1"] };
const chen = { id: "chen", online: false, version: 1 };
const dotOf = (id: string) => `.contact[data-user=${id}] .dot`;

/** How a dot looks: its fill, and its edge. */
async function lookOf(id: string) {
  return {
    fill: await styleOf(scene.page, dotOf(id), "background-color"),
    edge: await styleOf(scene.page, dotOf(id), "border-top-style"),
  };
}

async function untilCurrent() {
  await scene.page.locator("body[data-stale=false]").waitFor();
}

describe("dots that may be out of date", () => {
  test("look neither online nor offline, and are said to be so, while presence is away", async () => {
    const socket = await scene.asAda();
    socket.send({ type: "snapshot", users: [bruno, chen] });
    await untilCurrent();
    const [online, offline] = [await lookOf("bruno"), await lookOf("chen")];
    await untilText(scene.page, "[role=status]", "Connected");

    socket.send({ type: "stale", stale: true });
    await untilText(scene.page, "[role=status]", "dots may be out of date");
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Was online");
    await untilText(scene.page, ".contact[data-user=chen] .status", "Was offline");
    const stale = await lookOf("bruno");
    assert.deepEqual(await lookOf("chen"), stale);
    for (const current of [online, offline]) {
      assert.notEqual(stale.fill, current.fill);
      assert.notEqual(stale.edge, current.edge, "not by color alone");
    }

    socket.send({ type: "stale", stale: false });
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Online");
    assert.deepEqual(await lookOf("bruno"), online);
    assert.equal(await scene.page.getByRole("status").innerText(), "Connected");
  });

  test("are those of a gateway that has stopped to answer, within seconds, though the page keeps asking", async () => {
    const socket = await scene.asAda();
    socket.send({ type: "snapshot", users: [bruno] });
    await untilCurrent();
    // It never says another word, and the page asks every 3 s.
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Was online", 20_000);
    await scene.gateway.socket(1);
  });

  test("are those of before a cut, until the gateway has told how things are", async () => {
    const first = await scene.asAda();
    first.send({ type: "snapshot", users: [bruno] });
    await untilCurrent();
    first.cut();
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Was online");
    const second = await scene.gateway.socket(1);
    await untilText(scene.page, "[role=status]", "Connected");
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Was online");
    second.send({ type: "snapshot", users: [bruno] });
    await untilCurrent();
    await untilText(scene.page, ".contact[data-user=bruno] .status", "Online");
  });
});
