import { readConfigFile, SettingsError, type SettingsTable } from "@realchat/presence-runtime";

type Named = { readonly name: string; readonly settings: SettingsTable };

/** Of these, two processes must not have the same. */
const ofOneProcess = ["HTTP_ADDR", "INSTANCE_ID", "SERVICE_NAME"];

/**
 * The environment that each of two services is started with: ours, flags over it, and over both what is meant for that
 * service alone, such as PRESENCE_HTTP_ADDR or DELIVERY_LOG_LEVEL.
 * @param flags by name of the setting
 * @throws SettingsError when one value is given for what they must not share
 */
export function environmentsFor(
  services: readonly [Named, Named],
  environment: NodeJS.ProcessEnv,
  flags: ReadonlyMap<string, string>,
): [NodeJS.ProcessEnv, NodeJS.ProcessEnv] {
  const given: NodeJS.ProcessEnv = { ...environment, ...Object.fromEntries(flags) };
  const [one, other] = services;
  const shared = ofOneProcess.filter((name) => given[name]);
  if (shared.length > 0) {
    throw new SettingsError(
      shared.map(
        (name) => `${name} is for one process, and these are two: give ${own(one, name)}, ${own(other, name)}`,
      ),
    );
  }
  return [withItsOwn(one, other, given), withItsOwn(other, one, given)];
}

/**
 * The environment with what a config file gives besides.
 * @throws SettingsError with all that cannot be understood
 */
export function withConfigFile(
  path: string,
  services: readonly [Named, Named],
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const names = services.flatMap((service) =>
    Object.keys(service.settings).flatMap((name) => [name, own(service, name)]),
  );
  const { given, problems } = readConfigFile(path, names);
  if (problems.length > 0) throw new SettingsError(problems);
  return { ...environment, ...Object.fromEntries([...given].filter(([name]) => !environment[name])) };
}

function withItsOwn(service: Named, other: Named, given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(service.settings).filter((name) => {
    const ownName = own(service, name);
    // PRESENCE_TLS_CERT is a setting of the gateway.
    return given[ownName] && !(ownName in other.settings);
  });
  return { ...given, ...Object.fromEntries(names.map((name) => [name, given[own(service, name)]])) };
}

/** `PRESENCE_HTTP_ADDR` */
function own({ name }: Named, setting: string): string {
  return `${name.toUpperCase()}_${setting}`;
}
