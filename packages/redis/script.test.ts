import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ErrorReply } from "@redis/client";
import { RedisError } from "./redis-error.ts";
import type { Reply } from "./replies.ts";
import { integer } from "./replies.ts";
import { runScript, type Script, scriptsIn, withSource } from "./script.ts";

const script = {
  file: "add.lua",
  keys: ["one", "two"],
  args: ["by"],
  returns: integer,
  source: "return 1",
  sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
} satisfies Script;

/** Answers with these, in turn, and keeps what was sent. */
class ScriptedConnection {
  readonly sent: (readonly (string | Buffer)[])[] = [];
  readonly #answers: (Reply | Error)[];

  constructor(...answers: (Reply | Error)[]) {
    this.#answers = answers;
  }

  async send(command: readonly (string | Buffer)[]): Promise<Reply> {
    this.sent.push(command);
    const answer = this.#answers.shift();
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error("too many commands");
    return answer;
  }
}

function replied(message: string): RedisError {
  return new RedisError("UNAVAILABLE", message, { cause: new ErrorReply(message) });
}

describe("a script", () => {
  test("takes its values in its own order, not in the caller's", async () => {
    const connection = new ScriptedConnection(7);
    assert.equal(await runScript(connection, script, { two: "b", one: "a" }, { by: 5 }), 7);
    assert.deepEqual(connection.sent, [["EVALSHA", script.sha1, "2", "a", "b", "5"]]);
  });

  test("that takes any number of arguments finds them behind those with names", async () => {
    const connection = new ScriptedConnection(7);
    await runScript(connection, { ...script, rest: "more" }, { two: "b", one: "a" }, { by: 5 }, ["x", "y"]);
    assert.deepEqual(connection.sent, [["EVALSHA", script.sha1, "2", "a", "b", "5", "x", "y"]]);
  });

  test("is sent whole to a server that does not know it", async () => {
    const connection = new ScriptedConnection(replied("NOSCRIPT No matching script."), 7);
    assert.equal(await runScript(connection, script, { one: "a", two: "b" }, { by: 5 }), 7);
    assert.deepEqual(connection.sent[1], ["EVAL", script.source, "2", "a", "b", "5"]);
  });

  test("that failed is not sent again", async () => {
    const connection = new ScriptedConnection(replied("OOM command not allowed"), 7);
    await assert.rejects(runScript(connection, script, { one: "a", two: "b" }, { by: 5 }), /OOM/);
    assert.equal(connection.sent.length, 1);
  });

  test("has the hash of its source, includes and all", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "scripts-"));
    t.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "parts"));
    writeFileSync(join(folder, "whole.lua"), "local one = 1\n  -- #include parts/part\nreturn one");
    writeFileSync(join(folder, "parts", "part.lua"), "-- #include crumb\none = one + 1");
    writeFileSync(join(folder, "crumb.lua"), "one = 0");
    const defineScript = scriptsIn(pathToFileURL(`${folder}/`));
    const whole = defineScript({ file: "whole.lua", keys: [], args: [], returns: integer });
    assert.equal(whole.source, "local one = 1\none = 0\none = one + 1\nreturn one");
    assert.equal(whole.sha1, withSource(script, whole.source).sha1);
    assert.equal(withSource(whole, script.source).sha1, script.sha1);
  });
});
