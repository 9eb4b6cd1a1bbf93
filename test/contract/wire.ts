// The wire-conformance suite: what every client of KES relies on, asked of a running server from outside. It needs an
// admin identity and nothing else; the keys it makes have names no other run uses, and it deletes them.
// `node test/contract/wire/main.ts --help` runs it against any server by URL.
import { describe } from "node:test";
import { Fixture } from "./wire/fixture.ts";
import { accessTests } from "./wire/access.ts";
import { bodyTests } from "./wire/bodies.ts";
import { keyTests } from "./wire/keys.ts";
import { listingTests } from "./wire/listings.ts";
import { logTests } from "./wire/logs.ts";
import { metricTests } from "./wire/metrics.ts";
import { nameTests } from "./wire/names.ts";
import { policyTests } from "./wire/policies.ts";
import { routingTests } from "./wire/routing.ts";
import { serverInfoTests } from "./wire/server-info.ts";
import { transportTests } from "./wire/transport.ts";
import type { WireTarget } from "./wire/target.ts";

const areas = [
  serverInfoTests,
  routingTests,
  nameTests,
  bodyTests,
  keyTests,
  listingTests,
  policyTests,
  accessTests,
  metricTests,
  logTests,
];

/** Registers the whole suite: once per protocol of the target, and once what lies below the protocols. */
export function wireConformance(target: WireTarget): void {
  for (const protocol of target.protocols) {
    describe(`wire format over ${protocol === "h2" ? "HTTP/2" : "HTTP/1.1"}`, () => {
      const fixture = new Fixture(target, protocol);
      for (const area of areas) area(fixture);
    });
  }
  transportTests(target);
}
