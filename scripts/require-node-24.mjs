// Plain JavaScript, so that an older Node can run it and say what is missing: the project's TypeScript runs as it is
// only since Node 24. `npm ci` brings Node 24 along as an optional dependency and npm scripts find it first.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error(
    `RealChat Presence runs on Node 24 or newer, this is ${process.versions.node}: run \`npm ci\` (it brings its own Node 24) and start it with \`npm start\`.`,
  );
  process.exit(1);
}
