// The explorable *flow and equilibrium*, with the geometry of _flow_and_equilibrium.py.

const WIDTH = 400, HEIGHT = 216, TOP = 34, SIDE = 152, LEFTS = [40, 242], TRAILS = 24, SPLITS = 180, TIED = 1e-9;

const PANELS = ["flow", "equilibrium"];

const frameOf = ({steps, ...config}, {position}, name) => floor(position / steps * (config[name].length - 1) + 0.5);

function separated(particles, labels) {
  const ones = labels.filter(Boolean).length;
  let best = 0;
  for (let k = 0; k < SPLITS; k++) {
    const x = Math.cos(PI * k / SPLITS), y = Math.sin(PI * k / SPLITS);
    const order = particles.map(([p, q], n) => [x * p + y * q, labels[n]]).sort(([p, i], [q, j]) => p - q || i - j);
    let right = ones;
    order.forEach(([place, kind], j) => {
      if (j === 0 || place - order[j - 1][0] > TIED) best = max(best, right, labels.length - right);
      right += kind === 0 ? 1 : -1;
    });
    best = max(best, right, labels.length - right);
  }
  return best / labels.length;
}

function judge({times}, [flow, step], [left, right]) {
  const percent = share => number(100 * share, 0);
  return say("separated", `a line is right for ${percent(left)} % of the particles at t = ${number(times[flow], 2)}, `
    + `for ${percent(right)} % after ${step} ${step === 1 ? "step" : "steps"}`);
}

function windowOf(frames) {
  const values = frames.flat(2), spread = max(...values) - min(...values), pad = max(0.05 * spread, 0.05);
  const low = min(...values) - pad, high = max(...values) + pad;
  let tick = 0.1;
  for (let k = 0; (high - low) / tick > 4; k++) tick *= [2, 2.5, 2][k % 3];
  return [[low, high], tick];
}

function drawPanel(frames, now, labels, left, title) {
  const [[low, high], tick] = windowOf(frames), [grid, ticks] = axes([low, high], tick, left, TOP, SIDE);
  const at = ([x, y]) => [(x - low) / (high - low) * SIDE, (1 - (y - low) / (high - low)) * SIDE];
  const marks = ["axis", "orbit"].map((style, kind) => {
    const members = labels.flatMap((label, n) => label === kind ? [n] : []);
    const trails = members.map(n => line(frames.slice(0, now + 1).map(frame => at(frame[n])))).join("");
    return (labels.length <= TRAILS ? path(`${style} dx-faint`, trails) : "")
      + path(`${style} dx-points`, dotted(members.map(n => at(frames[now][n]))));
  });
  return `${textAt("minor", left, 20, title)}${ticks}<g transform="translate(${left},${TOP})">${path("grid", grid)}${marks.join("")}`
    + `<rect class="dx-frame" x="0" y="0" width="${SIDE}" height="${SIDE}"/></g>`;
}

explore("flow-and-equilibrium", {
  title: "Interactive figure: particles under a flow and under an equilibrium map",

  controls: (config, state) => [
    {name: "position", label: "time and step", min: 0, max: config.steps, step: 1, text: `${number(100 * state.position / config.steps, 0)} %`},
  ],

  change: (config, state, changes) => ({...state, ...changes}),

  numbers(config, state) {
    const frames = PANELS.map(name => frameOf(config, state, name));
    const shares = PANELS.map((name, k) => separated(config[name][frames[k]], config.labels));
    return {frames, shares, verdict: judge(config, frames, shares)};
  },

  draw(config, state, {frames: [flow, step], verdict}) {
    const {labels} = config, ones = labels.filter(Boolean).length;
    return {
      pictures: [{box: `0 0 ${WIDTH} ${HEIGHT}`, label: `${labels.length} particles under a flow and under an equilibrium map; ${verdict.text}.`,
        markup: drawPanel(config.flow, flow, labels, LEFTS[0], `flow, t = ${number(config.times[flow], 2)}`)
          + drawPanel(config.equilibrium, step, labels, LEFTS[1], `iteration, k = ${step}`)}],
      notes: [`label 0, blue: ${labels.length - ones} particles; label 1, red: ${ones}`],
    };
  },
});
