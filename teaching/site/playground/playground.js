// The page: what is shown, clicked and drawn. The arithmetic is in nets.js.
import {
  SIZE, ask, attacked, batch, enemy, noiseOf, ofPixels, shrink, toPixels, toUnit, underAttack, walk, watchLoading,
} from "./nets.js";

const at = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(share > 0.001 && share < 0.999 ? 1 : 2)} %`;
const KINDS = ["first", "second", "both", "neither"]; // classes of style for the four answers
const STRENGTHS = Array.from({ length: 25 }, (_, epsilon) => epsilon);
const COLOURS = {
  black: "#141414", grey: "#80807c", white: "#fafaf5", brown: "#6b4a2b", sand: "#d2b98a", green: "#4d6b33",
  blue: "#3f76ad", red: "#b5352a", yellow: "#e8c33a",
};

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "style") element[name] = value; else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Put a picture on a canvas of 32 x 32 pixels, a new one if none is given. */
function show(picture, canvas = make("canvas", { width: SIZE, height: SIZE, className: "pixels" })) {
  canvas.getContext("2d").putImageData(new ImageData(toPixels(picture), SIZE, SIZE), 0, 0);
  return canvas;
}

// --- loading ------------------------------------------------------------------------------------------------

const files = new Map();
let place = null, told = 0; // where the loading that goes on now is shown, and when it was last

watchLoading((file) => {
  files.set(file.path, file);
  if (!place || (file.done < file.total && performance.now() - told < 250)) return;
  told = performance.now();
  const all = [...files.values()], sum = (name) => all.reduce((total, one) => total + one[name], 0);
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const bar = place.querySelector("progress") ?? make("progress", { "aria-label": "Loading" });
  bar.max = sum("total") || 1;
  bar.value = sum("done");
  place.replaceChildren(`loading the net: ${megabytes(sum("done"))} of ${megabytes(sum("total"))} MB, once `, make("br"), bar);
});

/** Do some work, with loading and errors shown in an element; null when it failed. */
async function busy(element, work) {
  place = element;
  if (!element.querySelector("[data-value]")) element.textContent = "one moment";
  try {
    return await work();
  } catch (error) {
    element.textContent = `That did not work: ${error.message}.`;
    return null;
  } finally {
    if (place === element) place = null;
    files.clear();
  }
}

/** Of calls that come faster than the work is done only the last is worked off. work(...given) */
function latest(work) {
  let running = false, next = null;
  return async (...given) => {
    next = given;
    if (running) return;
    running = true;
    while (next) {
      const now = next;
      next = null;
      await work(...now);
    }
    running = false;
  };
}

// --- what is shown of answers ---------------------------------------------------------------------------------

function bars(probabilities, classes) {
  return classes.map((name, label) => make("div", { className: `bar-row ${KINDS[label]}` },
    make("span", {}, name), make("i", { style: `--share: ${probabilities[label]}` }),
    make("span", { "data-value": probabilities[label] }, percent(probabilities[label]))));
}

function svg(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

const LENIENT = 0.9; // from here on a class counts as present

function corner([first, second], classes) {
  if (first >= LENIENT) return second >= LENIENT ? "both" : classes[0];
  return second >= LENIENT ? classes[1] : "neither";
}

/** The plane of notebook 03 with some points, the last of them large. */
function plane(points, classes) {
  const x = (value) => 46 + 300 * value, y = (value) => 312 - 300 * value, soft = "var(--soft)";
  const drawing = svg("svg", { viewBox: "0 -8 356 364", role: "img", "aria-label": `The plane of evidence for a ${classes[0]} and for a ${classes[1]}` });
  const line = (x1, y1, x2, y2, dash) => drawing.append(svg("line", {
    x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2), stroke: dash ? soft : "var(--line)", "stroke-dasharray": dash }));
  const say = (text, px, py, more = {}) => drawing.append(svg("text", { x: px, y: py, fill: soft, "text-anchor": "middle", ...more }, text));
  drawing.append(svg("rect", { x: x(LENIENT), y: y(1), width: 30, height: 30, fill: "var(--k)", opacity: 0.25 }));
  drawing.append(svg("rect", { x: x(0), y: y(1), width: 300, height: 300, fill: "none", stroke: "var(--line)" }));
  line(LENIENT, 0, LENIENT, 1, "4 4");
  line(0, LENIENT, 1, LENIENT, "4 4");
  for (const value of [0, 0.5, 1]) {
    say(value, x(value), 330);
    say(value, 32, y(value) + 4);
  }
  say(`evidence for a ${classes[0]}`, x(0.5), 350);
  say(`evidence for a ${classes[1]}`, 14, y(0.5), { transform: `rotate(-90 14 ${y(0.5)})` });
  say("both", x(0.95), y(1) - 4, { fill: "var(--ink)" });
  say("neither", x(0.2), y(0.2));
  say(`only ${classes[0]}`, x(0.7), y(0.2));
  say(`only ${classes[1]}`, x(0.25), y(0.93));
  points.forEach(([first, second], number) => {
    const last = number === points.length - 1;
    drawing.append(svg("circle", { cx: x(first), cy: y(second), r: last ? 7 : 3.5, fill: last ? "var(--brass)" : soft, opacity: last ? 1 : 0.6 }));
  });
  return drawing;
}

// --- 1: a picture -------------------------------------------------------------------------------------------

function partOne(about, examples) {
  const easel = at("easel"), paper = easel.getContext("2d", { willReadFrequently: true });
  const places = [], listeners = [];
  let judging = false, cursor = [16, 16];
  const current = () => ofPixels(paper.getImageData(0, 0, SIZE, SIZE).data);

  const judge = latest(async () => {
    const picture = current(), first = at("plane").childElementCount === 0;
    at("plane-figure").hidden = false;
    const found = await busy(at("plane-said"), () => ask("judge", { images: batch([picture]) }));
    if (!found) return;
    const evidence = [...found.evidence], said = corner(evidence, about.classes);
    places.push(evidence);
    at("plane").replaceChildren(plane(places.slice(-12), about.classes));
    const where = { both: "holds both", neither: "holds neither" }[said] ?? `holds a ${said}`;
    at("plane-said").replaceChildren(
      `The judge of notebook 03 says that it ${where}: more looks like a ${about.classes[0]} here than in `,
      make("b", { "data-value": evidence[0] }, percent(evidence[0])), " of pictures of other things (from 90 % on it says that there is one), more like a ",
      `${about.classes[1]} than in `, make("b", { "data-value": evidence[1] }, percent(evidence[1])),
      ". It says so of one in ten pictures of anything else, too; but unlike the nets above it may say yes twice, or never. Small dots: what you asked before.");
    if (first) at("plane-figure").scrollIntoView({ block: "nearest" });
  });

  const classify = latest(async () => {
    const picture = current();
    const found = await busy(at("said"), () => ask("classifier", { images: batch([picture]) }));
    if (!found) return;
    at("said").replaceChildren(make("p", {}, "The five nets say:"), ...bars(found.probabilities, about.classes));
    at("ask-judge").hidden = judging;
    if (judging) judge();
  });

  /** Lay a picture on the easel and have it judged. */
  function lay(picture) {
    show(picture, easel);
    listeners.forEach((tell) => tell());
    classify();
  }

  examples.forEach(({ name, picture }) => {
    const button = make("button", { type: "button", title: name, "aria-label": name }, show(picture));
    button.onclick = () => lay(picture);
    at("examples").append(button);
  });
  at("ask-judge").onclick = () => { judging = true; at("ask-judge").hidden = true; judge(); };

  // photographs
  async function open(blob) {
    const picture = await busy(at("said"), async () => {
      const bitmap = await createImageBitmap(blob).catch(() => { throw new Error("the browser cannot read this file as a picture"); });
      return square(bitmap, bitmap.width, bitmap.height);
    });
    if (picture) lay(picture);
  }
  function square(image, width, height) {
    const side = Math.min(width, height), sheet = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
    sheet.drawImage(image, -Math.floor((width - side) / 2), -Math.floor((height - side) / 2));
    return shrink(sheet.getImageData(0, 0, side, side).data, side);
  }
  at("file").onchange = ({ target }) => { if (target.files[0]) open(target.files[0]); target.value = ""; };
  const part = at("part-show");
  part.ondragover = (event) => { event.preventDefault(); part.classList.add("dropping"); };
  part.ondragleave = () => part.classList.remove("dropping");
  part.ondrop = (event) => {
    event.preventDefault();
    part.classList.remove("dropping");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  };
  document.addEventListener("paste", ({ clipboardData }) => { if (clipboardData.files[0]) open(clipboardData.files[0]); });

  // the camera
  const video = at("video");
  function close() {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    at("viewfinder").hidden = true;
  }
  at("camera").onclick = () => busy(at("said"), async () => {
    if (!navigator.mediaDevices) throw new Error("browsers lend the camera to pages from https or this device only");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch(() => { throw new Error("this device has no camera, or does not lend it to the page"); });
    at("viewfinder").hidden = false;
    at("said").textContent = "";
    await video.play();
  });
  at("shoot").onclick = () => {
    if (!video.videoWidth) return;
    const picture = square(video, video.videoWidth, video.videoHeight);
    close();
    lay(picture);
  };
  at("camera-off").onclick = close;

  // drawing
  Object.entries(COLOURS).forEach(([name, value], number) => at("colours").append(make("input", {
    type: "radio", name: "colour", value, checked: number === 0, title: name, "aria-label": name, style: `background: ${value}` })));
  function dab(x, y) {
    const width = Number(at("brush").value);
    paper.fillStyle = document.querySelector("[name=colour]:checked").value;
    paper.fillRect(Math.round(x - width / 2 + 0.5), Math.round(y - width / 2 + 0.5), width, width);
  }
  function spot(event) {
    const box = easel.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE - 0.5, ((event.clientY - box.top) / box.height) * SIZE - 0.5];
  }
  const done = () => { listeners.forEach((tell) => tell()); classify(); };
  let from = null;
  easel.onpointerdown = (event) => { easel.setPointerCapture(event.pointerId); from = spot(event); dab(...from); };
  easel.onpointermove = (event) => {
    if (!from) return;
    const to = spot(event), steps = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
    for (let i = 1; i <= steps; i++) dab(...from.map((start, axis) => start + ((to[axis] - start) * i) / steps));
    from = to;
  };
  easel.onpointerup = easel.onpointercancel = () => { if (from) done(); from = null; };
  easel.onkeydown = (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      cursor = cursor.map((value, axis) => Math.min(SIZE - 1, Math.max(0, value + move[axis])));
      at("cursor").style.translate = cursor.map((value) => `${100 * value}%`).join(" ");
    } else if (event.key === " ") { dab(...cursor); done(); } else return;
    event.preventDefault();
  };
  at("blank").onclick = () => { paper.fillStyle = COLOURS.white; paper.fillRect(0, 0, SIZE, SIZE); at("said").replaceChildren(make("p", { className: "hint" }, "An empty sheet. Choose a colour and draw.")); at("plane-figure").hidden = at("ask-judge").hidden = true; };

  show(examples[0].picture, easel);
  return { current, lay, onchange: (tell) => listeners.push(tell) };
}

// --- 2: from clock to crocodile -------------------------------------------------------------------------------

function partTwo(about, easel) {
  const form = at("walk"), strip = at("strip"), told = at("walk-said");
  let turn = 0, begun = false, finished = null;
  const beginning = () => show(toUnit(noiseOf(Number(at("seed").value))), at("on-the-way"));
  beginning();

  const draw = latest(async () => {
    const mine = turn, settings = {
      way: form.elements.way.value, mix: Number(at("mix").value), guidance: Number(at("guidance").value), seed: Number(at("seed").value),
    };
    at("walk-to-easel").disabled = true;
    strip.replaceChildren();
    const picture = await busy(told, () => walk(settings, about.labels, ({ step, x, end }) => {
      if (mine !== turn) return false; // something else is asked for by now
      show(toUnit(x), at("on-the-way"));
      show(toUnit(end), at("straight-on"));
      strip.append(show(toUnit(end)));
      told.textContent = `step ${step} of 16`;
      return true;
    }));
    if (!picture) return;
    finished = picture;
    show(picture, at("on-the-way"));
    show(picture, at("straight-on"));
    const share = Math.round(100 * settings.mix);
    told.textContent = `Done: seed ${settings.seed}, ${share} % of the way to the ${about.classes[1]}.`;
    at("walk-to-easel").disabled = false;
  });
  function changed() {
    at("guidance-value").textContent = at("guidance").value;
    turn++;
    if (!form.checkValidity()) return;
    if (begun) draw(); else beginning();
  }
  form.onsubmit = (event) => { event.preventDefault(); begun = true; changed(); };
  form.oninput = changed;
  at("next-seed").onclick = () => { at("seed").value = Number(at("seed").value) + 1; changed(); };
  at("walk-to-easel").onclick = () => { easel.lay(finished); at("part-show").scrollIntoView(); };
}

// --- 3: the quiz ----------------------------------------------------------------------------------------------

function partThree(about, pictures) {
  const box = at("quiz"), words = [...about.classes, "both", "neither"], kept = "answers-" + about.quiz[0].picture;
  const answers = JSON.parse(sessionStorage.getItem(kept) ?? "[]").filter((word) => words.includes(word)); // of this tab, until it is closed
  const legend = () => make("p", { className: "legend" }, ...words.map((word, kind) => make("span", { className: KINDS[kind] }, word)));

  function start() {
    box.replaceChildren(make("button", { type: "button", className: "main", onclick: question }, answers.length ? "go on where I was" : "show me the first"));
  }

  function question() {
    if (answers.length === pictures.length) return results();
    const number = answers.length + 1, canvas = show(pictures[answers.length]);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Picture ${number}, 32 by 32 pixels`);
    const buttons = words.map((word, kind) => make("button", { type: "button", onclick: () => answer(word) }, word, make("kbd", {}, kind + 1)));
    box.replaceChildren(make("div", { className: "quiz", tabIndex: -1 }, canvas, make("div", {},
      make("p", { role: "status" }, `Picture ${number} of ${pictures.length}: what do you see?`),
      make("div", { className: "answers" }, ...buttons),
      make("p", { className: "buttons" }, make("button", { type: "button", disabled: !answers.length, onclick: () => { answers.pop(); keep(); } }, "back")))));
    box.onkeydown = ({ key, ctrlKey, altKey, metaKey }) => {
      if (words[key - 1] && !(ctrlKey || altKey || metaKey)) answer(words[key - 1]);
    };
    box.firstChild.focus({ preventScroll: true }); // not a button, which would look like a hint
    return null;
  }

  function keep() { sessionStorage.setItem(kept, JSON.stringify(answers)); question(); }
  function answer(word) { answers.push(word); keep(); }
  function forget() {
    if (!confirm("Forget all your answers and begin again?")) return;
    answers.length = 0;
    sessionStorage.removeItem(kept);
    start();
  }

  const shares = (counts) => {
    const sum = counts.reduce((a, b) => a + b, 0);
    const text = counts.map((count, kind) => `${words[kind]} ${Math.round((100 * count) / sum)} %`).filter((_, kind) => counts[kind]).join(", ");
    return make("div", { className: "stack", role: "img", "aria-label": text, title: text },
      ...counts.map((count, kind) => make("i", { className: KINDS[kind], style: `--share: ${count / sum}` })));
  };

  /** The answers of one or more people beside those of the judge and of viewers. everybody: a list of 30 words each. */
  function compared(who, everybody) {
    const count = (said) => words.map((word) => said.filter((one) => one === word).length);
    const sources = [...new Set(about.quiz.map(({ source }) => source))].sort();
    const rows = sources.map((source) => {
      const of = about.quiz.map((one, number) => number).filter((number) => about.quiz[number].source === source);
      const viewers = about.viewers[source], said = everybody.flatMap((list) => of.map((number) => list[number]));
      return make("tr", {}, make("th", { scope: "row" }, source), make("td", {}, shares(count(said))),
        make("td", {}, shares(count(of.map((number) => about.quiz[number].judge)))), make("td", {}, viewers ? shares(viewers) : "were not asked"));
    });
    const heads = ["what it is", who, "the judge", "viewers"].map((name) => make("th", { scope: "col" }, name));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
    return make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Answers by kind of picture" }, table);
  }

  at("class-files").onchange = async ({ target }) => {
    const everybody = [], leftOut = [];
    for (const chosen of target.files) {
      const lines = (await chosen.text()).trim().split(/\r?\n/).slice(1).map((line) => line.split(","));
      const said = new Map(lines.map((fields) => [fields[0], fields.at(-1).replace(/^"|"$/g, "")]));
      const list = about.quiz.map(({ picture }) => said.get(picture));
      if (list.every((word) => words.includes(word))) everybody.push(list); else leftOut.push(chosen.name);
    }
    const text = `${everybody.length} of ${target.files.length} files counted.` + (leftOut.length ? ` Left out, since they do not answer these ${pictures.length} pictures: ${leftOut.join(", ")}.` : "");
    at("class-said").replaceChildren(make("p", {}, text), ...(everybody.length ? [legend(), compared("the class", everybody)] : []));
  };

  function results() {
    box.onkeydown = null;
    const same = about.quiz.filter(({ judge }, number) => judge === answers[number]).length;
    const review = about.quiz.map(({ picture, source, judge }, number) => make("div", {}, show(pictures[number]), `${picture.split("-")[0]}: ${source}`, make("br"), `you: ${answers[number]}`, make("br"), `judge: ${judge}`));
    const again = make("button", { type: "button", onclick: forget }, "start again"), name = `answers-${Math.random().toString(36).slice(2, 6)}.csv`; // so that a class's files differ
    const download = make("a", { className: "button", download: name, href: file() }, "download my answers");
    box.replaceChildren(
      make("p", { role: "status" }, make("b", {}, `You and the judge gave the same answer to ${same} of ${pictures.length} pictures.`),
        " The judge is a net; where you differ, either may be right about the picture, but only you know what you saw."),
      legend(), compared("you", [answers]),
      make("p", { className: "buttons" }, download, again),
      make("p", { className: "hint" }, "The viewers are runs of a large vision-language model, not people; they were shown other pictures of each kind. The file names nobody. A class can count its files together below."),
      make("details", {}, make("summary", {}, "every picture"), make("div", { className: "review" }, ...review)));
    download.focus({ preventScroll: true });
  }

  function file() {
    const quoted = (text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = about.quiz.map(({ picture, source }, number) => [picture, source, answers[number]].map(quoted).join(","));
    return URL.createObjectURL(new Blob([`picture,source,answer\n${lines.join("\n")}\n`], { type: "text/csv" }));
  }
  start();
}

// --- 4: the attack --------------------------------------------------------------------------------------------

function partFour(about, examples, easel) {
  let victim = null;
  const told = at("attack-said"), slider = at("epsilon");

  function move() {
    if (!victim) return;
    const epsilon = Number(slider.value), { picture, signs, answer, said } = victim, after = attacked(picture, signs, epsilon);
    const flips = STRENGTHS.findIndex((_, strength) => said[strength][answer] < 0.5);
    at("epsilon-value").textContent = epsilon;
    show(after, at("after"));
    const times = epsilon ? Math.round(100 / epsilon) : 0;
    show(after.map((value, i) => 0.5 + times * (value - picture[i])), at("noise"));
    at("noise-times").textContent = times > 1 ? `${times} times enlarged` : "enlarged";
    at("before-said").replaceChildren(...bars(said[0], about.classes));
    at("after-said").replaceChildren(...bars(said[epsilon], about.classes));
    const other = said[epsilon][answer] < 0.5;
    const first = flips < 0 && epsilon === STRENGTHS.at(-1) ? "This picture stands even the strongest attack here: the step was worked out at the unchanged picture, and further away it no longer leads downhill. Try another picture." : other ? "Is there a smaller strength that does it?" : "Make the attack stronger.";
    told.replaceChildren(`The net said ${about.classes[answer]}; ${other ? "now it says" : "it still says"} `,
      make("b", {}, about.classes[other ? 1 - answer : answer]), `. ${first}`);
    told.dataset.flips = flips;
    told.className = "";
  }

  const choose = latest(async (picture) => {
    const found = await busy(told, async () => {
      const { answer, signs } = await enemy(picture);
      return { picture, answer, signs, said: await underAttack(picture, signs, STRENGTHS) };
    });
    if (!found) return;
    victim = found;
    show(picture, at("before"));
    at("attack").hidden = false;
    slider.disabled = false;
    slider.value = 0;
    move();
  });

  const buttons = [];
  function add(name, canvas, picture) {
    const button = make("button", { type: "button", title: name, "aria-label": name, "aria-pressed": "false" }, canvas);
    button.onclick = () => {
      buttons.forEach((one) => one.setAttribute("aria-pressed", one === button));
      choose(picture());
    };
    buttons.push(button);
    at("victims").append(button);
  }
  examples.forEach(({ name, picture }) => add(name, show(picture), () => picture));
  const mine = show(easel.current());
  add("the picture from the top of the page", mine, easel.current);
  easel.onchange(() => show(easel.current(), mine));
  slider.oninput = move;
}

// --- the start ------------------------------------------------------------------------------------------------

async function begin() {
  const notice = at("unready");
  if (typeof WebAssembly !== "object" || typeof DecompressionStream === "undefined") {
    notice.textContent = "This browser lacks WebAssembly (or is some years old), and the nets cannot run in it. Any current Firefox, Chrome, Edge or Safari will do.";
    return;
  }
  const url = (name) => new URL(name, import.meta.url);
  try {
    const about = await (await fetch(url("pictures.json"))).json();
    const image = make("img", { src: url("pictures.png").href });
    await image.decode();
    const sheet = make("canvas", { width: SIZE, height: image.naturalHeight }).getContext("2d", { willReadFrequently: true });
    sheet.drawImage(image, 0, 0);
    const pictures = Array.from({ length: image.naturalHeight / SIZE }, (_, number) => ofPixels(sheet.getImageData(0, number * SIZE, SIZE, SIZE).data));
    const examples = about.examples.map((name, number) => ({ name, picture: pictures[about.quiz.length + number] }));
    const easel = partOne(about, examples);
    partTwo(about, easel);
    partThree(about, pictures.slice(0, about.quiz.length));
    partFour(about, examples, easel);
  } catch (error) {
    notice.textContent = `The playground could not start: ${error.message}.`;
    return;
  }
  notice.hidden = true;
  at("parts").hidden = false;
}

begin();
