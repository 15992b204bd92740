// Brings to life every explorable of one kind that is still a picture. A module has
//   title                              the accessible name of the figure
//   controls(config, state)            [{name, label, options: [[value, text]]} or
//                                       {name, label, min, max, step, text?}, ...], hidden? in both
//   change(config, state, changes)     the next state
//   numbers(config, state)             pure: all that is shown; numbers.verdict?.text is announced
//   draw(config, state, numbers)       {pictures: [{box, label, markup}], notes: [text]}, or
//                                      {image: {src, alt}} for the picture that is there already
//   drag(config, state, x, y)          optional: the changes when a grip is dragged to x, y
// element.deqlab = {state, numbers, set(changes)} offers the same to a program.

const withMinus = text => text.replace("-", "−");

function add(parent, tag, className = "") {
  const child = document.createElement(tag);
  child.className = className;
  parent.append(child);
  return child;
}

function addControl(panel, spec, set) {
  const row = add(panel, "label", "dx-control");
  const label = add(row, "span");
  const input = add(row, spec.options ? "select" : "input");
  const output = spec.options ? null : add(row, "output");
  for (const [value, text] of spec.options || []) input.add(new Option(text, value));
  if (output) input.type = "range";
  input.addEventListener("input", () => set({[spec.name]: output ? Number(input.value) : input.value}));
  return (now, value) => {
    row.hidden = Boolean(now.hidden);
    label.textContent = now.label;
    input.setAttribute("aria-label", now.label);
    if (output) {
      input.min = now.min;
      input.max = now.max;
      input.step = now.step;
      output.textContent = now.text || withMinus(value.toFixed(now.step < 1 ? 2 : 0));
      input.setAttribute("aria-valuetext", output.textContent);
    }
    input.value = value;
  };
}

function addPicture(parent) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  parent.append(svg);
  return svg;
}

function enableDrag(svg, onMove) {
  const move = event => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    onMove(point.x, point.y);
  };
  svg.addEventListener("pointerdown", event => {
    if (!event.target.closest(".dx-touch")) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    svg.addEventListener("pointermove", move);
  });
  for (const end of ["pointerup", "pointercancel"])
    svg.addEventListener(end, () => svg.removeEventListener("pointermove", move));
}

function bringToLife(root, module) {
  const config = JSON.parse(root.dataset.config);
  const still = root.querySelector(".dx-still");
  const body = document.createElement("div");
  body.className = "dx-body";
  const stage = add(body, "div", "dx-stage");
  const side = add(body, "div", "dx-side");
  const notes = add(stage, "ul", "dx-notes");
  const panel = add(side, "div", "dx-controls");
  const verdict = add(side, "p", "dx-verdict");
  verdict.setAttribute("aria-live", "polite");

  let state = config.state, numbers;
  const set = changes => {
    state = module.change(config, state, changes);
    numbers = module.numbers(config, state);
    show();
  };
  const updates = module.controls(config, state).map(spec => addControl(panel, spec, set));
  if (updates.length > 1) {
    const reset = add(panel, "button");
    reset.type = "button";
    reset.textContent = "Reset";
    reset.addEventListener("click", () => set(config.state));
  }
  const pictures = [];

  function show() {
    module.controls(config, state).forEach((spec, k) => updates[k](spec, state[spec.name]));
    const drawing = module.draw(config, state, numbers);
    if (drawing.image) Object.assign(still, drawing.image);
    (drawing.pictures || []).forEach(({box, label, markup}, k) => {
      pictures[k] ||= addPicture(k ? side : stage);
      pictures[k].setAttribute("viewBox", box);
      pictures[k].setAttribute("aria-label", label);
      pictures[k].innerHTML = markup;
    });
    const text = numbers.verdict?.text ?? "";
    if (verdict.textContent !== text) verdict.textContent = text;
    notes.replaceChildren();
    for (const text of drawing.notes || []) add(notes, "li").textContent = text;
  }

  set({});
  root.querySelector(".dx-caption").remove();
  stage.prepend(pictures[0] || still);
  if (pictures.length) still.remove();
  if (module.drag) enableDrag(pictures[0], (x, y) => set(module.drag(config, state, x, y)));
  root.prepend(body);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", module.title);
  root.dataset.live = "";
  root.deqlab = {get state() { return state; }, get numbers() { return numbers; }, set};
}

function explore(kind, module) {
  const waiting = `.deqlab-explore[data-explore="${kind}"]:not([data-live])`;
  for (const root of document.querySelectorAll(waiting)) bringToLife(root, module);
}
