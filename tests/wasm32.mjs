// Runs a test program for wasm32-wasip1 under Node: `node tests/wasm32.mjs PROGRAM ARGUMENT...`.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
// What a failing property test writes down goes nowhere: there is no folder here.
const wasi = new WASI({ version: "preview1", args: [program, ...args], env: process.env });
const module = await WebAssembly.compile(readFileSync(program));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
