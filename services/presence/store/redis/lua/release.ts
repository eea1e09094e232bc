import { defineScript } from "../define-script.ts";
import { integer } from "./replies.ts";

export const release = defineScript({ file: "release.lua", keys: ["publisher"], args: ["node"], returns: integer });
