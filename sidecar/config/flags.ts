// What the command line says about the configuration, and who wins (decisions C2; the table in docs/configuration.md):
// --addr, --key, --cert and --root override the file; --auth and --mtls-auth only set tls.auth where the file does not,
// because existing deployments pass `--auth=off` to servers whose file says otherwise.

export interface Flags {
  readonly addr?: string | undefined;
  readonly key?: string | undefined;
  readonly cert?: string | undefined;
  readonly root?: string | undefined;
  /** on or off. */
  readonly auth?: string | undefined;
  /** verify or ignore, the older spelling. */
  readonly mtlsAuth?: string | undefined;
}

export interface FlagProblem {
  readonly flag: string;
  readonly found: string;
  readonly message: string;
}

const words: ReadonlyMap<string, "on" | "off"> = new Map([
  ["--auth on", "on"],
  ["--auth off", "off"],
  ["--mtls-auth verify", "on"],
  ["--mtls-auth ignore", "off"],
]);

/** What --auth and --mtls-auth ask for together, undefined if neither is given; wrong or contradicting → a problem. */
export function authOfFlags(flags: Flags): { auth: "on" | "off" | undefined; problems: readonly FlagProblem[] } {
  const problems: FlagProblem[] = [];
  const asked: ("on" | "off")[] = [];
  const given: [string, string | undefined, string][] = [
    ["--auth", flags.auth, "on or off"],
    ["--mtls-auth", flags.mtlsAuth, "verify or ignore"],
  ];
  for (const [flag, found, expected] of given) {
    if (found === undefined || found === "") continue;
    const auth = words.get(`${flag} ${found.toLowerCase()}`);
    if (auth === undefined) problems.push({ flag, found, message: `found "${found}", expected ${expected}` });
    else asked.push(auth);
  }
  if (new Set(asked).size > 1) {
    const message = "--auth and --mtls-auth contradict each other; give one of them";
    problems.push({ flag: "--mtls-auth", found: flags.mtlsAuth ?? "", message });
  }
  return { auth: asked[0], problems };
}
