// A thread of its own for the nets, so that the page stays awake. It loads a file when somebody asks for it, once.
import * as ort from "./ort.mjs";

ort.env.wasm.numThreads = 1; // more would need headers that a plain server does not send
const sessions = new Map();

async function load(path) {
  const answer = await fetch(new URL(path, import.meta.url))
    .catch(() => { throw new Error("the net could not be fetched; try again when there is a connection"); });
  if (!answer.ok) throw new Error(`${path} is not there (${answer.status})`);
  const total = Number(answer.headers.get("content-length")), parts = [];
  let done = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { value, done: end } = await reader.read();
    if (end) break;
    parts.push(value);
    postMessage({ path, done: (done += value.length), total });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function unzipped(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes; // a server may have done it
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

let runtime;
async function session(name) {
  runtime ??= load("ort.wasm.gz").then(unzipped).then((bytes) => { ort.env.wasm.wasmBinary = bytes; });
  runtime.catch(() => { runtime = null; }); // to be tried again
  if (!sessions.has(name)) {
    const loading = Promise.all([load(`nets/${name}.onnx`), runtime])
      .then(([bytes]) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 }));
    loading.catch(() => sessions.delete(name));
    sessions.set(name, loading);
  }
  return sessions.get(name);
}

async function answer({ id, name, feeds }) {
  try {
    const net = await session(name);
    const tensors = Object.fromEntries(Object.entries(feeds).map(([key, { type, data, dims }]) =>
      [key, new ort.Tensor(type ?? "float32", data, dims)]));
    const start = performance.now(), found = await net.run(tensors);
    const outputs = Object.fromEntries(Object.entries(found).map(([key, tensor]) => [key, tensor.data]));
    postMessage({ id, outputs, milliseconds: performance.now() - start });
  } catch (error) {
    postMessage({ id, error: error?.message ?? String(error) });
  }
}

let last = Promise.resolve(); // one at a time
onmessage = ({ data }) => { last = last.then(() => answer(data)); };
