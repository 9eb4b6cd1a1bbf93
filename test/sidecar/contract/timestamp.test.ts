import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { rfc3339Nano } from "../../../sidecar/contract/timestamp.ts";

const table = [
  { epoch: 0, text: "1970-01-01T00:00:00Z" },
  { epoch: 1_700_000_000_000, text: "2023-11-14T22:13:20Z" },
  { epoch: 1_700_000_000_120, text: "2023-11-14T22:13:20.12Z" },
  { epoch: 1_700_000_000_007, text: "2023-11-14T22:13:20.007Z" },
];

for (const { epoch, text } of table) {
  test(`${epoch} ms is ${text}`, () => {
    assert.equal(rfc3339Nano(epoch), text);
  });
}

const zones = [
  { zone: "UTC", text: "2023-11-14T22:13:20.12Z" },
  { zone: "Asia/Kolkata", text: "2023-11-15T03:43:20.12+05:30" },
  { zone: "America/St_Johns", text: "2023-11-14T18:43:20.12-03:30" },
];

for (const { zone, text } of zones) {
  test(`local time in ${zone} carries its offset`, () => {
    const module = new URL("../../../sidecar/contract/timestamp.ts", import.meta.url).href;
    const script = `import { rfc3339Local } from ${JSON.stringify(module)}; console.log(rfc3339Local(1700000000120));`;
    const env = { ...process.env, TZ: zone };
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" });
    assert.equal(output.trim(), text);
  });
}
