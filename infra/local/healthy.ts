/** The container's health check: exit code 0 when the node is ready to serve. */
const answer = await fetch("http://127.0.0.1:8096/health/ready").catch(() => undefined);
process.exitCode = answer?.ok ? 0 : 1;
