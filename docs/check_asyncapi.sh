#!/usr/bin/env bash
# Holds docs/asyncapi.json to the official parser. Needs node with npm, and a registry: a command of its own, no part of `make test`.
set -euo pipefail
document=$(cd "$(dirname "$0")" && pwd)/asyncapi.json
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --no-fund --no-audit --ignore-scripts --loglevel error @asyncapi/parser@3 >&2
cat >"$folder/check.mjs" <<'SCRIPT'
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const ERROR = 0, WARNING = 1;
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, code, message, path } of diagnostics) {
  console.log(`${["error", "warning", "info", "hint"][severity]} ${code} at ${path.join(".") || "/"}: ${message}`);
}
const faults = diagnostics.filter(({ severity }) => severity === ERROR || severity === WARNING);
if (!document || faults.length) process.exit(1);
console.log(
  `AsyncAPI ${document.version()}: ${document.channels().length} channels,` +
  ` ${document.operations().length} operations, ${document.allMessages().length} messages, no fault`,
);
SCRIPT
node "$folder/check.mjs" "$document"
