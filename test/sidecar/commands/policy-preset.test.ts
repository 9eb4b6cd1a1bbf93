import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { presetPatterns } from "../../../sidecar/contract/preset.ts";
import { kes } from "../../support/environment.ts";

const preset = (...more: string[]): ReturnType<typeof kes> => kes(["policy", "preset", ...more]);

async function allowed(...more: string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await preset("minio", ...more);
  assert.deepEqual([code, stderr], [0, ""]);
  return parse(stdout).allow;
}

test("kes policy preset minio prints what KesPolicy.spec.preset grants, as YAML", async () => {
  assert.deepEqual(await allowed(), presetPatterns("MinIO", ""));
  assert.deepEqual(await allowed("--key-prefix", "my-"), presetPatterns("MinIO", "my-"));
  const { stdout } = await preset("minio", "--key-prefix", "my-");
  assert.match(stdout, /^ {2}- \/v1\/key\/decrypt\/my-\* +# opens the data key of every object that it reads$/m);
  assert.match(stdout, /^ {2}- \/v1\/key\/hmac\/my-\* +# .*, since 2024-03$/m);
});

test("an older release gets only what it asks for", async () => {
  const older = ["/v1/key/create/*", "/v1/key/generate/*", "/v1/key/decrypt/*"];
  assert.deepEqual(await allowed("--release", "2023-11"), older);
  assert.deepEqual(await allowed("--release", "RELEASE.2024-02-26T09-33-48Z"), older);
  for (const later of ["2024-03", "2024-03-03", "RELEASE.2025-09-07T16-13-09Z"]) {
    assert.deepEqual(await allowed("--release", later), presetPatterns("MinIO", ""), later);
  }
});

test("--json has the patterns with what they are for", async () => {
  const { stdout } = await preset("MINIO", "--json", "--key-prefix=a", "--release", "2023-11");
  const { allow, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, { preset: "MinIO", keyPrefix: "a", release: "2023-11" });
  assert.deepEqual(allow[1].pattern, "/v1/key/generate/a*");
  assert.match(allow[1].use, /data key/);
});

describe("what there is not is refused, with what there is", () => {
  const cases: readonly [line: string, sentence: string][] = [
    ["nonsense", "there is no preset 'nonsense'; there is: minio"],
    [
      "minio --release latest",
      "'latest' is no release of MinIO: write its date, such as 2024-03 or RELEASE.2024-03-03T17-50-39Z. What it asks for changed in 2024-03",
    ],
    ["minio --key-prefix *", "'*' cannot begin a key name: use 0-9 A-Z a-z - _, no wildcard"],
    ["", "no preset name specified. See 'kes policy preset --help'"],
  ];
  for (const [line, sentence] of cases) {
    test(`kes policy preset ${line}`, async () => {
      const answer = await preset(...line.split(" ").filter(Boolean));
      assert.deepEqual(answer, { code: 1, stdout: "", stderr: `Error: ${sentence}\n` });
    });
  }
});
