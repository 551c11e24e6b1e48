// docs/asyncapi.json by AsyncAPI's own parser: `make asyncapi`. Prints what it finds; ends with 1 where that is an error.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

async function main(file) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf-8"));
  for (const { severity, path, message } of diagnostics) {
    console.log(`${["error", "warning", "information", "hint"][severity]}: ${path.join(".")}: ${message}`);
  }
  const wrong = document === undefined || diagnostics.some(({ severity }) => severity === 0);
  console.log(wrong ? "not a valid document" : `valid: AsyncAPI ${document.version()}, ${document.messages().length} messages`);
  process.exitCode = wrong ? 1 : 0;
}

main(process.argv[2]);
