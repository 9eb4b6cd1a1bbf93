// A planted mistake (decisions X5): a change of one place that somebody could make in good faith, and the tests that
// have to notice. The tables of this folder are read by run.ts.

export interface Mutant {
  /** The mistake, as a commit that made it might be called. */
  readonly name: string;
  /** Below the project's folder. */
  readonly file: string;
  /** Source text that stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Test files, one of which has to fail; the quickest that notices. */
  readonly tests: readonly string[];
  /** A regular expression: only tests with such a name are run. For slow files. */
  readonly only?: string;
}
