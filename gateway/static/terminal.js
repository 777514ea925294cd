// A line of a terminal as elements: text and colours only, whatever else the line asks for is dropped.

// eslint-disable-next-line no-control-regex
const SEQUENCE = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?/g;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const SWITCHES = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 29: ["strike"] };

/** Put `line` into `target` as spans with class names of our own; no part of it is ever read as markup. */
export function paint(target, line) {
  let style = plain();
  let from = 0;
  for (const found of line.matchAll(SEQUENCE)) {
    add(target, line.slice(from, found.index), style);
    if (found[2] === "m") style = changed(style, found[1]);
    from = found.index + found[0].length;
  }
  add(target, line.slice(from), style);
}

const plain = () => ({ marks: new Set(), ink: "", ground: "" });

function add(target, text, style) {
  const shown = text.replace(CONTROL, "");
  if (!shown) return;
  const names = [...style.marks, style.ink && `ink-${style.ink}`, style.ground && `ground-${style.ground}`].filter(Boolean);
  if (names.length === 0) return target.append(shown);
  const span = document.createElement("span");
  span.className = names.join(" ");
  span.textContent = shown;
  target.append(span);
}

/** The style after the numbers of one colour sequence. */
function changed(before, numbers) {
  const style = { ...before, marks: new Set(before.marks) };
  const codes = numbers.split(/[;:]/).map(Number);
  while (codes.length > 0) {
    const code = codes.shift();
    if (code === 0) Object.assign(style, plain());
    else if (SWITCHES[code]) style.marks.add(SWITCHES[code]);
    else if (OFF[code]) for (const mark of OFF[code]) style.marks.delete(mark);
    else if (code === 38) style.ink = extended(codes);
    else if (code === 48) style.ground = extended(codes);
    else if (code === 39) style.ink = "";
    else if (code === 49) style.ground = "";
    else if (code >= 30 && code <= 37) style.ink = String(code - 30);
    else if (code >= 90 && code <= 97) style.ink = String(code - 90 + 8);
    else if (code >= 40 && code <= 47) style.ground = String(code - 40);
    else if (code >= 100 && code <= 107) style.ground = String(code - 100);
  }
  return style;
}

/** One of 256 colours, or any, as the nearest of the sixteen that a theme has. */
function extended(codes) {
  const kind = codes.shift();
  if (kind === 2) return nearest(codes.splice(0, 3));
  const number = kind === 5 ? (codes.shift() ?? 0) : 7;
  if (number < 16) return String(number);
  if (number >= 232) return nearest(Array(3).fill((number - 232) * 10 + 8));
  const cube = number - 16;
  return nearest([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((share) => share * 51));
}

function nearest([red = 0, green = 0, blue = 0]) {
  const strong = Math.max(red, green, blue);
  if (strong < 64) return "0";
  const over = (value) => value > strong / 2;
  return String(over(red) + 2 * over(green) + 4 * over(blue) + (strong > 191 ? 8 : 0));
}
