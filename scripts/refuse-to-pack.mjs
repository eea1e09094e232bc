// What is published is built first: sources are TypeScript, which Node runs from a clone and not from a package.
console.error(
  [
    "The sources are no package. Build what you want to have packed:",
    ...["client", "web-client", "cli"].map(
      (name) => `  npx node packages/${name}/publish/build.ts /tmp/presence-${name} && npm pack /tmp/presence-${name}`,
    ),
  ].join("\n"),
);
process.exitCode = 1;
