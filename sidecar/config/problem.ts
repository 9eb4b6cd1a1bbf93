// What is wrong (problems) or worth knowing (notes) in a configuration. A load collects all of them before it gives up,
// so that a person sees every mistake at once, each with its place, what was found and what is expected there.
import { KesError } from "../errors.ts";

export interface Place {
  /** 1-based; undefined for what stands in no file, such as a flag. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Dotted path of the setting, `policy.my-app.identities[0]`, or the flag, `--addr`. Empty for the file itself. */
  readonly path: string;
}

export interface Problem extends Place {
  /** What is wrong and what to do, without place. */
  readonly message: string;
  /** What the file says, as written there: the value behind a `${NAME}` is never shown. */
  readonly found: string | undefined;
  readonly expected: string | undefined;
  /** The valid name nearest to an unknown one. */
  readonly nearest: string | undefined;
}

export interface Note extends Place {
  readonly message: string;
}

/** The configuration cannot be used; `problems` has every reason in the order of the file. */
export class ConfigError extends KesError {
  readonly problems: readonly Problem[];
  readonly file: string;

  constructor(file: string, problems: readonly Problem[]) {
    super("ConfigInvalid", summary(file, problems), { details: { file, problems: problems.length } });
    this.problems = problems;
    this.file = file;
  }
}

function summary(file: string, problems: readonly Problem[]): string {
  const first = problems.slice(0, 1).map((problem) => renderPlace(problem, file) + problem.message);
  if (problems.length <= 1) return first.join("");
  return `${file} has ${problems.length} problems, the first is: ${first.join("")}`;
}

/** One line per problem: `server.yaml:12: cache.expirry: unknown key, did you mean "expiry"?`. */
export function renderProblems(problems: readonly Problem[], file: string): string {
  return problems.map((problem) => renderPlace(problem, file) + problem.message).join("\n");
}

/** One line per note, in the form of `renderProblems`. */
export function renderNotes(notes: readonly Note[], file: string): string {
  return notes.map((note) => renderPlace(note, file) + note.message).join("\n");
}

function renderPlace(place: Place, file: string): string {
  if (place.path.startsWith("--")) return `${place.path}: `;
  const where = place.line === undefined ? file : `${file}:${place.line}`;
  return place.path === "" ? `${where}: ` : `${where}: ${place.path}: `;
}

/** The order of the file; what stands in no line comes first. */
export function byPlace(a: Place, b: Place): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
