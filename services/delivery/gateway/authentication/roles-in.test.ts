import assert from "node:assert/strict";
import { test } from "node:test";
import { rolesIn } from "./roles-in.ts";

const cases: [claims: Record<string, unknown>, name: string, roles: string[]][] = [
  [{ roles: ["guest", "warden", "member"] }, "roles", ["warden", "guest"]],
  [{ role: "warden" }, "role", ["warden"]],
  [{ realm_access: { roles: ["warden"] } }, "realm_access.roles", ["warden"]],
  [{ "https://chat.example/roles": ["warden"] }, "https://chat.example/roles", ["warden"]],
  [{ roles: ["warden", 7, null, { warden: true }] }, "roles", ["warden"]],
  [{ roles: { warden: true } }, "roles", []],
  [{ realm_access: "warden" }, "realm_access.roles", []],
  [{}, "roles", []],
  [{}, "constructor.name", []],
];

for (const [claims, name, roles] of cases) {
  test(`the roles in ${JSON.stringify(claims)}, by ${name}, are ${roles.join(" and ") || "none"}`, () => {
    assert.deepEqual([...rolesIn(claims, name, new Set(["warden", "guest", "Object"]))], roles);
  });
}
