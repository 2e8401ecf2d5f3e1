// Counts in V8, with the flags that the command line gives it: one line of JSON in, one out.
// {"load": FILE} puts a text into the module; {"count": [ENCODING, PIECE]} counts its tokens once
// and answers with them and the nanoseconds of processor time that took.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
// WASI is imported for panics and the environment, and never called.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => {
    throw new Error(`${name} was called`);
  };
}
const { exports } = new WebAssembly.Instance(module, imports);
exports._initialize?.();

for await (const line of createInterface({ input: process.stdin })) {
  const { load, count } = JSON.parse(line);
  if (load) {
    const text = readFileSync(load);
    const at = exports.text(text.length);
    new Uint8Array(exports.memory.buffer, at, text.length).set(text);
    console.log("[0, 0]");
  } else {
    const start = process.cpuUsage();
    const tokens = exports.count(...count);
    const { user, system } = process.cpuUsage(start);
    console.log(`[${tokens}, ${(user + system) * 1000}]`);
  }
}
