// The explorable *memory and depth*, with the geometry of _memory_depth.py.

const SIZE = 400, LEFT = 50, TOP = 32, WIDTH = 332, HEIGHT = 324;

const STYLES = [["red", "orbit"], ["blue", "axis"], ["green", "lower"], ["purple", "other"], ["minor", "diagonal"],
  ["blue", "axis dx-dashed"], ["red", "orbit dx-dashed"], ["green", "lower dx-dashed"]];

const WORDS = {memory: unit => `memory in ${unit}`, time: () => "time in seconds"};

function depthTicks(depths) {
  const ticks = [], [first, last] = [log10(depths[0]), log10(depths.at(-1))];
  let end = -Infinity;
  for (const depth of depths) {
    const place = WIDTH * (log10(depth) - first) / (last - first), half = 4 * String(depth).length;
    if (place - half <= end + 8) continue;
    ticks.push([log10(depth), String(depth)]);
    end = place + half;
  }
  return ticks;
}

const placeOf = (depths, k) => WIDTH * (log10(depths[k]) - log10(depths[0])) / (log10(depths.at(-1)) - log10(depths[0]));

function drawCosts({depths, names, costs, unit}, {depth, quantity, highlight}) {
  const rows = costs[quantity], values = rows.flat(), low = floor(log10(min(...values)));
  const high = max(ceil(log10(max(...values))), low + 1), ticks = powersOfTen([low, high], ceil((high - low) / 6));
  const {x, y, markup} = plotAxes([0, 0, WIDTH, HEIGHT], [log10(depths[0]), log10(depths.at(-1))], [low, high], depthTicks(depths), ticks);
  const curves = rows.map(row => row.map((value, k) => [x(log10(depths[k])), y(log10(value))]));
  const labels = nameCurves(curves.map((points, j) => [STYLES[j][0], names[j], points]), curves.flatMap(along), [WIDTH, HEIGHT]);
  const lines = curves.map((points, j) => {
    const drawn = path(STYLES[j][1], line(points)) + points.map(point => circle(STYLES[j][0], ...point, 3)).join("")
      + circle(STYLES[j][0], ...points[depth], 6);
    return ["all", String(j)].includes(highlight) ? drawn : `<g class="dx-faint">${drawn}</g>`;
  });
  const place = placeOf(depths, depth);
  return `${textAt("minor", LEFT, 20, `${WORDS[quantity](unit)} against depth`)}<g transform="translate(${LEFT},${TOP})">${markup}`
    + path("diagonal dx-dashed", `M${px(place)},0V${HEIGHT}`) + lines.join("") + labels
    + `<rect class="dx-frame" x="0" y="0" width="${WIDTH}" height="${HEIGHT}"/></g>` + circle("grip", LEFT + place, TOP + HEIGHT, 8);
}

explore("memory-depth", {
  title: "Interactive figure: memory against depth",

  controls: ({depths, names, costs}, {depth}) => [
    {name: "depth", label: "depth", min: 0, max: depths.length - 1, step: 1, text: number(depths[depth], 0)},
    {name: "quantity", label: "show", options: [["memory", "memory"], ["time", "time"]], hidden: !costs.time},
    {name: "highlight", label: "gradient", options: [["all", "all"], ...names.map((name, j) => [String(j), name])]},
  ],

  change: (config, state, changes) => ({...state, ...changes}),

  numbers({depths, names, costs, unit}, {depth, quantity}) {
    const values = costs[quantity].map(row => row[depth]), growth = costs[quantity].map(row => row[depth] / row[0]);
    const order = names.map((name, j) => j).sort((i, j) => values[i] - values[j]);
    const listed = order.map(j => `${names[j]} ${size(values[j])}`).join("; ");
    return {values, growth, verdict: say("costs", `${WORDS[quantity](unit)} at depth ${number(depths[depth], 0)}: ${listed}`)};
  },

  draw(config, state, {values, growth, verdict}) {
    const {names, depths} = config, least = min(...values);
    return {
      pictures: [{box: `0 0 ${SIZE} ${SIZE}`, markup: drawCosts(config, state),
        label: `Cost of ${names.length} gradients against depth, on logarithmic scales; ${verdict.text}.`}],
      grips: [[LEFT + placeOf(depths, state.depth), TOP + HEIGHT]],
      notes: names.map((name, j) => `${name}: ${number(values[j] / least, 1)} × the least, ${number(growth[j], 1)} × that at depth ${depths[0]}`),
    };
  },

  drag({depths}, state, x) {
    const gaps = depths.map((depth, k) => abs(LEFT + placeOf(depths, k) - x));
    return {depth: gaps.indexOf(min(...gaps))};
  },
});
