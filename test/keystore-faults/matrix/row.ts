// One fault: how it is brought about and lifted, what every question must be answered while it lasts, and how long after
// it everything works again.
import type { Kes } from "../../support/kes-process.ts";
import { columns } from "./column.ts";
import type { Column } from "./column.ts";

export interface Cell {
  readonly answer: string;
  /** Seconds. */
  readonly within: number;
}

export type Cells = Readonly<Record<Column, Cell>>;

export interface Row {
  /** For the table. */
  readonly fault: string;
  readonly expected: Cells;
  /** True: one question after the other, each met by the fault. Default: all at once. */
  readonly inTurn?: boolean;
  /** Seconds after the fault until everything works; default 2. */
  readonly back?: number;
  readonly arrange: () => Promise<Arranged>;
}

export interface Arranged {
  /** The `keystore:` section of the server under test. */
  readonly keystore: string;
  /** The same store by a way that does not fail. */
  readonly direct: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly inflict: (kes: Kes) => Promise<void> | void;
  /** Before each question that is asked in turn. */
  readonly again?: () => void;
  readonly lift: (kes: Kes) => Promise<void> | void;
}

export interface Table {
  /** A heading: what answers. */
  readonly title: string;
  /** What to know about it; Markdown. */
  readonly about: string;
  readonly rows: readonly Row[];
}

/** Seconds after the fault until everything works. */
export function backWithin({ back = 2 }: Row): number {
  return back;
}

function cellsOf(make: (column: Column) => Cell): Cells {
  // One cell per column.
  return Object.fromEntries(columns.map((column) => [column, make(column)])) as Record<Column, Cell>;
}

/** Clients notice nothing but time. */
export function served(within: number, change: Partial<Cells> = {}): Cells {
  const cells = cellsOf((column) => ({ answer: column === "status" ? "there" : "200", within }));
  return { ...cells, "generate (cached)": quick("200"), decrypt: quick("200"), ...change };
}

/** The store cannot be reached: cached keys serve. A create takes two calls, since what became of the first is asked. */
export function away(within: number, change: Partial<Cells> = {}): Cells {
  return {
    create: { answer: "502", within: 2 * within },
    "generate (cached)": quick("200"),
    "generate (uncached)": { answer: "502", within },
    decrypt: quick("200"),
    list: { answer: "502", within },
    ready: { answer: "504", within },
    status: { answer: "away", within },
    ...change,
  };
}

/** The store answers, and serves nothing: cached keys serve, and it does not count as away. */
export function refusing(within: number, change: Partial<Cells> = {}): Cells {
  const ready = { ready: { answer: "200", within }, status: { answer: "there", within } };
  return { ...away(within), ...ready, ...change };
}

/** Without a look at the store. */
export function quick(answer: string): Cell {
  return { answer, within: 1 };
}
