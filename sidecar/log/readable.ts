// A log line for people: time, level, message, then the fields. Only for terminals; machines get the JSON.

/** Makes one line of one JSON log line; what is not a JSON object comes back as it is. */
export function readableLine(json: string): string {
  const fields = parse(json);
  if (fields === undefined) return json;
  const { time, level, msg, ...rest } = fields;
  const head = [text(time).slice(11, 19), text(level).toUpperCase().padEnd(5), text(msg)];
  const tail = Object.entries(rest).map(([name, value]) => `${name}=${quoted(text(value))}`);
  return `${[...head, ...tail].join(" ")}\n`;
}

function parse(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}

// Control characters in a field must not reach the terminal.
function quoted(value: string): string {
  return /^[\x21-\x7e]+$/.test(value) && !value.includes('"') ? value : JSON.stringify(value);
}
