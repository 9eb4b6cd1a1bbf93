// A log that keeps its lines, for tests to say what must not be in there.
import type { Log, LogFields } from "../../operator/log.ts";

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export function keptLog(): Log & { readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => {
    return (message: string, fields: LogFields = {}): void => void lines.push({ level, message, fields });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
