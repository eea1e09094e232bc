import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import { problemOf } from "../testing/problem-of.ts";
import { certificateFile, isKeyOf, privateKeyFile } from "./pem-file.ts";

describe("PEM file", () => {
  const folder = temporaryFolder("pem");
  after(() => folder.remove());
  const { server, client } = issueCertificates();
  const write = (name: string, content: string) => {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  };
  const certificate = write("server.crt", server.certificate);
  const key = write("server.key", server.key);

  test("is read at once, and shown as its path", () => {
    const file = certificateFile.schema.parse(certificate);
    assert.deepEqual(file, { path: certificate, pem: server.certificate });
    assert.equal(certificateFile.show(file), certificate);
    assert.equal(privateKeyFile.schema.parse(key).pem, server.key);
  });

  test("knows which key belongs to which certificate", () => {
    const other = privateKeyFile.schema.parse(write("client.key", client.key));
    assert.ok(isKeyOf(privateKeyFile.schema.parse(key), certificateFile.schema.parse(certificate)));
    assert.ok(!isKeyOf(other, certificateFile.schema.parse(certificate)));
  });

  test("that is missing, not PEM, broken or of the other kind is refused, without its content", () => {
    const right = "give the path of a PEM file with a";
    const missing = problemOf(certificateFile, join(folder.path, "none.crt"));
    assert.match(missing ?? "", new RegExp(`^has no usable certificate \\(ENOENT.*\\): ${right} certificate$`));
    const noPem = problemOf(privateKeyFile, write("noise", "hunter2"));
    assert.equal(noPem, `has no usable private key (it is not PEM): ${right} private key`);
    const broken = write("broken.crt", server.certificate.replace(/M/, "?"));
    assert.match(problemOf(certificateFile, broken) ?? "", /^has no usable certificate \(/);
    assert.match(problemOf(certificateFile, key) ?? "", /^has no usable certificate \(/);
    assert.match(problemOf(privateKeyFile, certificate) ?? "", /^has no usable private key \(/);
    assert.match(problemOf(privateKeyFile, folder.path) ?? "", /^has no usable private key \(EISDIR/);
  });
});
