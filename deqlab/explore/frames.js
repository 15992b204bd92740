explore("frames", {
  title: "Figure with a slider",
  controls: ({label, frames}, {frame}) => [
    {name: "frame", label, min: 0, max: frames.length - 1, step: 1, text: frames[frame].readout},
  ],
  change: (config, state, changes) => ({...state, ...changes}),
  numbers: ({frames}, {frame}) => ({frame, readout: frames[frame].readout}),
  draw: ({frames}, {frame}) => ({image: {src: frames[frame].src, alt: frames[frame].alt}}),
});
