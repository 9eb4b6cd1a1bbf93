import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { metricsJson } from "../../../sidecar/commands/metrics-text.ts";

const scrape = `# HELP kes_http_request_success responses
# TYPE kes_http_request_success counter
kes_http_request_success{code="200"} 40
kes_http_request_success{code="201"} 2
kes_http_request_active 1
kes_http_response_time_bucket{le="0.01"} 3
kes_http_response_time_bucket{le="1.5"} 4
kes_http_response_time_bucket{le="+Inf"} 5
kes_http_response_time_sum 0.5
kes_http_response_time_count 5
kes_system_up_time 12.34
kes_system_mem_heap_used 1.5e+06
garbage
kes_broken nonsense
`;

test("a scrape becomes one value per family, codes summed, times in nanoseconds", () => {
  assert.deepEqual(metricsJson(scrape), {
    kes_http_request_success: 42,
    kes_http_request_error: 0,
    kes_http_request_failure: 0,
    kes_http_request_active: 1,
    kes_http_response_time: { "10000000": 3, "1500000000": 4, "9223372036854775807": 5 },
    kes_system_up_time: 12_000_000_000,
    kes_system_mem_heap_used: 1_500_000,
  });
});

test("what a server has not counted yet is 0", () => {
  const none = { kes_http_request_success: 0, kes_http_request_error: 0, kes_http_request_failure: 0 };
  assert.deepEqual(metricsJson(""), none);
});

test("any text is survived, and what it yields is numbers", () => {
  const line = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom("a", 'b{le="1"}', "c{"), fc.double()).map((t) => t.join(" ")),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const value of Object.values(metricsJson(lines.join("\n")))) assert.equal(typeof value, "number");
    }),
  );
});
