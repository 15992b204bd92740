// Brings to life every explorable of one kind that is still a picture. A module has
//   title                              the accessible name of the figure
//   stacked                            optional: true puts the second picture below the first one,
//                                      and the notes below the verdict
//   controls(config, state)            [{name, label, options: [[value, text]]} or
//                                       {name, label, min, max, step, text?, half?}, ...],
//                                       hidden? in both; half: two in a row
//   change(config, state, changes)     the next state
//   numbers(config, state)             pure: all that is shown; numbers.verdict?.text is announced
//   draw(config, state, numbers)       {pictures: [{box, label, markup, below?}], grips, notes:
//                                      [text]}, or {image: {src, alt}} for the picture that is there
//                                      already; below: under the first picture, on a phone last
//   drag(config, state, x, y, k)       optional: the changes when grip k, a point [x, y] of the
//                                      first picture, is dragged to x, y
// element.deqlab = {state, numbers, set(changes)} offers the same to a program.

const withMinus = text => text.replace("-", "−");

function add(parent, tag, className = "") {
  const child = document.createElement(tag);
  child.className = className;
  parent.append(child);
  return child;
}

function addControl(panel, spec, set) {
  const row = add(panel, "label", `dx-control ${spec.half ? "dx-half" : ""}`);
  const label = add(row, "span");
  const input = add(row, spec.options ? "select" : "input");
  const output = spec.options ? null : add(row, "output");
  for (const [value, text] of spec.options || []) input.add(new Option(text, value));
  if (output) input.type = "range";
  input.oninput = () => set({[spec.name]: output ? Number(input.value) : input.value});
  return (now, value) => {
    row.hidden = Boolean(now.hidden);
    label.textContent = now.label;
    input.setAttribute("aria-label", now.label);
    if (output) {
      for (const key of ["min", "max", "step"]) input[key] = now[key];
      output.textContent = now.text || withMinus(value.toFixed(now.step < 1 ? 2 : 0));
      input.setAttribute("aria-valuetext", output.textContent);
    }
    input.value = value;
  };
}

function addShape(parent, tag, attributes) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
  parent.append(shape);
  return setAll(shape, attributes);
}

function setAll(shape, attributes) {
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  return shape;
}

// The handle outlives every redrawing: a touch ends when the element is removed that it began on.
// Without preventDefault a touch would scroll the page.
function addHandle(svg, onMove) {
  const handle = addShape(svg, "circle", {class: "dx-touch"});
  handle.addEventListener("touchstart", event => event.preventDefault());
  handle.onpointerdown = event => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
  };
  handle.onpointermove = event => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    onMove(point.x, point.y);
  };
  return handle;
}

function bringToLife(root, module) {
  const config = JSON.parse(root.dataset.config);
  const still = root.querySelector(".dx-still");
  const body = document.createElement("div");
  body.className = "dx-body";
  const stage = add(body, "div", "dx-stage");
  const side = add(body, "div", "dx-side");
  const panel = add(side, "div", "dx-controls");
  const verdict = add(side, "p", "dx-verdict");
  verdict.setAttribute("aria-live", "polite");
  const notes = add(module.stacked ? side : stage, "ul", "dx-notes");

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
    reset.onclick = () => set(config.state);
  }
  const pictures = [], handles = [];

  function show() {
    module.controls(config, state).forEach((spec, k) => updates[k](spec, state[spec.name]));
    const drawing = module.draw(config, state, numbers);
    if (drawing.image) Object.assign(still, drawing.image);
    (drawing.pictures || []).forEach(({box, label, markup, below}, k) => {
      const place = k && !module.stacked && !below ? side : stage;
      pictures[k] ||= addShape(addShape(place, "svg", {role: "img", class: below ? "dx-below" : ""}), "g", {});
      pictures[k].innerHTML = markup;
      setAll(pictures[k].parentNode, {viewBox: box, "aria-label": label});
    });
    for (const handle of handles) setAll(handle, {r: 0});
    (drawing.grips || []).forEach(([cx, cy], k) => {
      handles[k] ||= addHandle(pictures[0].parentNode, (x, y) => set(module.drag(config, state, x, y, k)));
      setAll(handles[k], {cx, cy, r: 22});
    });
    const text = numbers.verdict?.text ?? "";
    if (verdict.textContent !== text) verdict.textContent = text;
    notes.replaceChildren();
    for (const text of drawing.notes || []) add(notes, "li").textContent = text;
  }

  set({});
  if (!module.stacked) stage.append(notes);
  root.querySelector(".dx-caption").remove();
  stage.prepend(pictures.length ? pictures[0].parentNode : still);
  if (pictures.length) still.remove();
  root.prepend(body);
  setAll(root, {role: "group", "aria-label": module.title});
  root.dataset.live = "";
  root.deqlab = {get state() { return state; }, get numbers() { return numbers; }, set};
}

function explore(kind, module) {
  const waiting = `.deqlab-explore[data-explore="${kind}"]:not([data-live])`;
  for (const root of document.querySelectorAll(waiting)) bringToLife(root, module);
}
