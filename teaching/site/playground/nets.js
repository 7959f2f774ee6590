// The arithmetic around the nets, the same as in the Python program: preparing pictures, noise, the flow's walk, FGSM.
// Pictures are Float32Arrays of 3 x S x S values in [0, 1], colour by colour; names are those of the Python functions.

export const SIZE = 32;
const PLANE = SIZE * SIZE, VALUES = 3 * PLANE;

// --- asking a net -------------------------------------------------------------------------------------------

let worker, count = 0;
const waiting = new Map(), watchers = new Set();

function heard({ data }) {
  if (data.path) return watchers.forEach((watch) => watch(data));
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error) reject(new Error(data.error)); else resolve(data.outputs);
}

/** Call watch({ path, done, total }) with every piece of a file that arrives. */
export function watchLoading(watch) { watchers.add(watch); }

/** The outputs (name -> typed array) of a net for its feeds (name -> { data, dims }); the net is loaded if need be. */
export function ask(name, feeds) {
  if (!worker) {
    worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    worker.onmessage = heard;
    worker.onerror = (event) => {
      const error = new Error(event.message || "the part that runs the nets could not be started");
      waiting.forEach(({ reject }) => reject(error));
      waiting.clear();
      worker = null; // the next question starts another
    };
  }
  return new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject });
    worker.postMessage({ id: count, name, feeds });
  });
}

/** Several pictures as one input of a net. */
export function batch(pictures) {
  const data = new Float32Array(pictures.length * VALUES);
  pictures.forEach((picture, number) => data.set(picture, number * VALUES));
  return { data, dims: [pictures.length, 3, SIZE, SIZE] };
}

/** Logits of one picture as probabilities. */
export function softmax(logits) {
  const top = Math.max(...logits), powers = Array.from(logits, (value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((value) => value / sum);
}

// --- pixels -------------------------------------------------------------------------------------------------

/** RGBA bytes of S x S pixels as a picture; what is transparent is laid on white. */
export function ofPixels(rgba) {
  const picture = new Float32Array(VALUES);
  for (let at = 0; at < PLANE; at++) {
    const alpha = rgba[4 * at + 3] / 255;
    for (let colour = 0; colour < 3; colour++) {
      picture[colour * PLANE + at] = Math.round(rgba[4 * at + colour] * alpha + 255 * (1 - alpha)) / 255;
    }
  }
  return picture;
}

/** A picture as RGBA bytes, to be shown. */
export function toPixels(picture) {
  const rgba = new Uint8ClampedArray(4 * PLANE).fill(255);
  for (let at = 0; at < PLANE; at++) {
    for (let colour = 0; colour < 3; colour++) rgba[4 * at + colour] = Math.round(255 * picture[colour * PLANE + at]);
  }
  return rgba;
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczos = (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);
function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** For each of `size` pixels where it begins in a line of `count` pixels, `length` of them used, and its weights (Pillow's). */
function weightsOf(length, count, size) {
  const [kernel, reach] = length > size ? [lanczos, 3] : [bicubic, 2];
  const scale = length / size, wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, pixel) => {
    const centre = (pixel + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach * wide + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach * wide + 0.5), count);
    const weights = Array.from({ length: end - first }, (_, at) => kernel((at + first - centre + 0.5) / wide));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** Lines of RGB pixels, `rows` of `count`, each scaled to `size` pixels and laid down as a column. */
function scaledAndTurned(pixels, rows, count, size, length) {
  const out = new Uint8ClampedArray(3 * size * rows); // rounds by itself
  weightsOf(length, count, size).forEach(({ first, weights }, x) => {
    for (let y = 0; y < rows; y++) for (let colour = 0; colour < 3; colour++) {
      let sum = 0;
      weights.forEach((weight, at) => { sum += weight * pixels[3 * (y * count + first + at) + colour]; });
      out[3 * (x * rows + y) + colour] = sum;
    }
  });
  return out;
}

/** RGB pixels, each the mean of factor x factor RGBA ones of a square; what is transparent is laid on white. */
function reduced(rgba, side, factor) {
  const count = Math.ceil(side / factor), out = new Uint8ClampedArray(3 * count * count);
  for (let y = 0; y < count; y++) for (let x = 0; x < count; x++) {
    const sums = [0, 0, 0];
    let number = 0;
    for (let v = y * factor; v < Math.min(side, (y + 1) * factor); v++) {
      for (let u = x * factor; u < Math.min(side, (x + 1) * factor); u++, number++) {
        const at = 4 * (v * side + u), alpha = rgba[at + 3] / 255;
        for (let colour = 0; colour < 3; colour++) sums[colour] += rgba[at + colour] * alpha + 255 * (1 - alpha);
      }
    }
    sums.forEach((sum, colour) => { out[3 * (y * count + x) + colour] = Math.floor(sum / number + 0.5); });
  }
  return out;
}

/** `data.files.to_square`: RGBA bytes of side x side pixels as a picture, shrunk as the training images were. */
export function shrink(rgba, side) {
  const factor = Math.max(Math.trunc(side / (3 * SIZE)), 1), count = Math.ceil(side / factor);
  let pixels = reduced(rgba, side, factor);
  if (side !== SIZE) {
    pixels = scaledAndTurned(pixels, count, count, SIZE, side / factor);
    pixels = scaledAndTurned(pixels, SIZE, count, SIZE, side / factor);
  }
  const picture = new Float32Array(VALUES);
  for (let at = 0; at < VALUES; at++) picture[(at % 3) * PLANE + Math.trunc(at / 3)] = pixels[at] / 255;
  return picture;
}

// --- the flow -----------------------------------------------------------------------------------------------

/** What torch's generator gives for a seed: whole numbers of 32 bits (the Mersenne Twister, MT19937). */
function twister(seed) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let at = 624;
  return () => {
    if (at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

/** `flow.noise_of` for one seed: the very noise of the Python program, so that a seed names the same picture. */
export function noiseOf(seed) {
  const next = twister(seed), noise = Float32Array.from({ length: VALUES }, () => (next() & 0xffffff) / 2 ** 24);
  for (let start = 0; start < VALUES; start += 16) for (let i = start; i < start + 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - noise[i])), angle = 2 * Math.PI * noise[i + 8];
    noise[i] = radius * Math.cos(angle);
    noise[i + 8] = radius * Math.sin(angle);
  }
  return noise;
}

/** Where each place of the canvas lies in a photograph of side `scale` centred at (x, y): `layouts.frame_coords`. */
function frame(scale, x, y) {
  const coords = new Float32Array(2 * PLANE);
  for (let at = 0; at < PLANE; at++) {
    coords[at] = (((at % SIZE) + 0.5) * (2 / SIZE) - 1 - x) / scale;
    coords[PLANE + at] = ((Math.trunc(at / SIZE) + 0.5) * (2 / SIZE) - 1 - y) / scale;
  }
  return coords;
}

/** One class everywhere: `flow_of_run.plain`. */
function plain(label) {
  return { labels: [label, label], masks: new Float32Array(2 * PLANE).fill(1, 0, PLANE), coords: frame(1, 0, 0) };
}

/** Class `above` in a disc on class `below`: `layouts.island`. */
function island(below, above, scale, x, y) {
  const coords = frame(1, 0, 0), inside = frame(scale, x, y), masks = new Float32Array(2 * PLANE);
  for (let at = 0; at < PLANE; at++) {
    const mask = 1 / (1 + Math.exp(40 * (Math.hypot(inside[at], inside[PLANE + at]) - 0.95)));
    masks[at] = 1 - mask;
    masks[PLANE + at] = mask;
    if (mask > 0.5) for (const part of [at, PLANE + at]) coords[part] = inside[part];
  }
  return { labels: [below, above], masks, coords };
}

/** What is asked for and how hard: layouts, and a weight for each and each place. Ways: `Flow.both`, `Flow.placed`. */
export function plan(way, mix, guidance, [first, second]) {
  const everywhere = (weight) => new Float32Array(PLANE).fill(weight);
  if (way === "both") {
    const weights = [guidance * Math.min(1, 2 * (1 - mix)), guidance * Math.min(1, 2 * mix)];
    const asked = [first, second].map((label, number) => ({ layout: plain(label), weight: everywhere(weights[number]) }));
    return asked.filter((_, number) => weights[number] > 0);
  }
  if (mix === 0 || mix === 1) return [{ layout: plain(mix ? second : first), weight: everywhere(guidance) }];
  const scale = 2 * 0.55 * (1 - mix), reach = Math.min(0.4, Math.max(0, 1 - scale));
  const layout = island(second, first, Math.min(scale, 1), reach, reach);
  return [{ layout, weight: layout.masks.slice(PLANE).map((mask) => guidance * (1 - 0.5 * mask)) }];
}

/** `flow.composed_velocity` at one x: what is told nothing, and what each layout adds to it. */
async function velocity(x, time, asked, nothing) {
  const layouts = [{ ...asked[0].layout, labels: [nothing, nothing] }, ...asked.map(({ layout }) => layout)];
  const number = layouts.length, join = (name, Kind, convert) =>
    Kind.from(layouts.flatMap((layout) => Array.from(layout[name], convert)));
  const plane = [number, 2, SIZE, SIZE];
  const { velocity: found } = await ask("flow", {
    x: batch(layouts.map(() => x)),
    time: { data: new Float32Array(number).fill(time), dims: [number] },
    labels: { type: "int64", data: join("labels", BigInt64Array, BigInt), dims: [number, 2] },
    masks: { data: join("masks", Float32Array), dims: plane },
    coords: { data: join("coords", Float32Array), dims: plane },
  });
  const sum = found.slice(0, VALUES);
  asked.forEach(({ weight }, at) => {
    const told = found.subarray((at + 1) * VALUES, (at + 2) * VALUES);
    for (let i = 0; i < VALUES; i++) sum[i] += weight[i % PLANE] * (told[i] - found[i]);
  });
  return sum;
}

export const toUnit = (x) => x.map((value) => Math.min(1, Math.max(0, (value + 1) / 2)));

/**
 * Walk from a seed's noise to a picture: `flow.adams_bashforth2`. After each step show({ step, x, end }) gets where it
 * is and where it would end straight on, both in about [-1, 1]; the walk ends early when show returns false.
 * settings: { way, mix, guidance, seed, steps }; labels: of the two classes and of "anything".
 */
export async function walk({ way, mix, guidance, seed, steps = 16 }, labels, show = () => true) {
  const asked = plan(way, mix, guidance, labels);
  let x = noiseOf(seed), before = null;
  for (let step = 0; step < steps; step++) {
    const slope = await velocity(x, step / steps, asked, labels[2]), last = before ?? slope;
    const end = x.map((value, i) => value + (1 - step / steps) * slope[i]);
    x = x.map((value, i) => value + (slope[i] + (slope[i] - last[i]) / 2) / steps);
    before = slope;
    if (show({ step: step + 1, x, end }) === false) return null;
  }
  return toUnit(x);
}

// --- the attack ---------------------------------------------------------------------------------------------

/** The fast gradient sign method: every value moved by epsilon of 255. signs: -1, 0 or 1 for each value. */
export function attacked(picture, signs, epsilon) {
  return picture.map((value, i) => Math.min(1, Math.max(0, value + (epsilon / 255) * signs[i])));
}

/** In which direction each value makes one net less sure of its own answer, and that answer (0 or 1). */
export async function enemy(picture) {
  const one = batch([picture]), { logits, slope } = await ask("attack", { images: one, at: one });
  const answer = logits[0] >= logits[1] ? 0 : 1;
  return { answer, signs: slope.map((value) => (answer ? 1 : -1) * Math.sign(value)) };
}

/** What that net says of the picture at each strength: [[P(first), P(second)], ...]. */
export async function underAttack(picture, signs, strengths) {
  const images = strengths.map((epsilon) => attacked(picture, signs, epsilon));
  const { logits } = await ask("attack", { images: batch(images), at: batch([picture]) });
  return strengths.map((_, at) => softmax(logits.slice(2 * at, 2 * at + 2)));
}
