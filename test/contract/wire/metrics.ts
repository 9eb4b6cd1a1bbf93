// The metrics as the Go SDK reads them (reference 2.6): it rejects a scrape that is not exactly like this.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expectError } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

const families: Readonly<Record<string, string>> = {
  kes_http_request_active: "gauge",
  kes_http_request_error: "counter",
  kes_http_request_failure: "counter",
  kes_http_request_success: "counter",
  kes_http_response_time: "histogram",
  kes_log_audit_events: "counter",
  kes_log_error_events: "counter",
  kes_system_mem_heap_objects: "gauge",
  kes_system_mem_heap_used: "gauge",
  kes_system_mem_stack_used: "gauge",
  kes_system_num_cpu: "gauge",
  kes_system_num_cpu_used: "gauge",
  kes_system_num_threads: "gauge",
  kes_system_up_time: "gauge",
};
const labelled = new Set(["kes_http_request_error", "kes_http_request_failure", "kes_http_request_success"]);
const bounds = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "1.5", "3", "5", "10", "+Inf"];
const contentType = /^text\/plain; version=0\.0\.4; charset=utf-8(; escaping=(underscores|values))?$/;

interface Scrape {
  /** Family names and types, in order. */
  readonly types: readonly (readonly [string, string])[];
  /** By `name` or `name{labels}`. */
  readonly samples: ReadonlyMap<string, number>;
}

export function metricTests(fixture: Fixture): void {
  describe("metrics", () => {
    it("are of the known families and types, sorted by name", async () => {
      const { types } = await scrape(fixture);
      const names = types.map(([name]) => name);
      assert.deepEqual(names, names.toSorted());
      for (const [name, type] of types) assert.equal(type, families[name], `${name} is a ${type}`);
      const missing = Object.keys(families).filter((name) => !names.includes(name) && !labelled.has(name));
      assert.deepEqual(missing, []);
    });

    it("have one sample each, but for the counters by status", async () => {
      const { types, samples } = await scrape(fixture);
      for (const [name, type] of types) {
        const own = [...samples.keys()].filter((key) => key === name || key.startsWith(`${name}{`));
        if (labelled.has(name)) {
          assert.ok(own.length > 0 && own.every((key) => /^\w+\{code="\d{3}"\}$/.test(key)), own.join(" "));
        } else if (type === "histogram") {
          const buckets = [...samples.keys()].filter((key) => key.startsWith(`${name}_bucket`));
          assert.deepEqual(
            buckets,
            bounds.map((bound) => `${name}_bucket{le="${bound}"}`),
          );
        } else {
          assert.deepEqual(own, [name]);
        }
      }
    });

    it("count requests by status", async () => {
      await fixture.key("counted");
      const before = await scrape(fixture);
      const name = await fixture.key("counted-too");
      expectError(await fixture.admin.send("PUT", `/v1/key/create/${name}`), 400, "key already exists");
      const after = await scrape(fixture);
      const grown = (key: string) => (after.samples.get(key) ?? 0) - (before.samples.get(key) ?? 0);
      assert.ok(grown('kes_http_request_success{code="200"}') >= 1);
      assert.ok(grown('kes_http_request_error{code="400"}') >= 1);
      assert.ok(grown("kes_http_response_time_count") >= 2);
      assert.ok(grown('kes_http_response_time_bucket{le="+Inf"}') >= 2);
    });

    for (const accept of ["", "text/plain", "text/plain;version=0.0.4", "*/*", "application/json"]) {
      it(`are text for a client that accepts '${accept}'`, async () => {
        const headers: Record<string, string> = accept === "" ? {} : { accept };
        const answer = await fixture.admin.send("GET", "/v1/metrics", { headers });
        assert.match(answer.headers["content-type"] ?? "", contentType);
      });
    }
  });
}

async function scrape(fixture: Fixture): Promise<Scrape> {
  const answer = await fixture.admin.send("GET", "/v1/metrics");
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"] ?? "", contentType);
  assert.ok(answer.text.endsWith("\n"));
  const types: [string, string][] = [];
  const helped = new Set<string>();
  const samples = new Map<string, number>();
  for (const line of answer.text.trimEnd().split("\n")) {
    if (line === "") continue;
    const [mark, word, name = "", ...rest] = line.split(" ");
    if (mark === "#" && word === "TYPE") types.push([name, rest.join(" ")]);
    else if (mark === "#" && word === "HELP") helped.add(name);
    else samples.set(line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  assert.deepEqual(
    types.filter(([name]) => !helped.has(name)),
    [],
    "every family has a help line",
  );
  for (const [key, value] of samples) assert.ok(Number.isFinite(value), `${key} is ${value}`);
  return { types, samples };
}
