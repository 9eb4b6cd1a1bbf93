// Why a server is not available, in words that name what its owner has to make: from what pods left behind and what they say.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { LiveContainer, LivePod } from "../../../operator/controllers/kes-server/live-objects.ts";
import { withSource } from "../../../operator/controllers/kes-server/mounted-from.ts";
import { troubleOf } from "../../../operator/controllers/kes-server/pod-view.ts";
import { declaredServer } from "./declared-server.ts";

const missing = "Error: tls.cert: cannot read /etc/kes/tls/tls.crt: the file does not exist";
const ended = { exitCode: 1, message: `something before\n${missing}\n` };

function pod(container: Omit<LiveContainer, "name">): LivePod {
  const metadata = { name: "kes-0", namespace: "kes-system", uid: "p0" };
  return { apiVersion: "v1", kind: "Pod", metadata, status: { containerStatuses: [{ name: "kes", ...container }] } };
}

suite("troubleOf", () => {
  test("a container that ends again and again says the same in every state that it goes through", () => {
    const states: readonly Omit<LiveContainer, "name">[] = [
      { ready: false, state: { terminated: ended } },
      {
        ready: false,
        state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
        lastState: { terminated: ended },
      },
      { ready: false, state: {}, lastState: { terminated: ended } },
    ];
    for (const state of states) assert.equal(troubleOf([pod(state)], []), `kes-0: it keeps ending: ${missing}`);
  });

  test("once it is ready, its past is no trouble", () => {
    assert.equal(troubleOf([pod({ ready: true, state: {}, lastState: { terminated: ended } })], []), undefined);
  });

  test("an end that was well is none", () => {
    assert.equal(
      troubleOf([pod({ ready: false, state: {}, lastState: { terminated: { exitCode: 0 } } })], []),
      undefined,
    );
  });

  test("a container without last words says where to look for them", () => {
    const trouble = troubleOf([pod({ state: { terminated: { exitCode: 137 } } })], []);
    assert.match(trouble ?? "", /exit code 137; kubectl logs -c kes --previous/);
  });

  test("an image that cannot be had is trouble, one that is on its way is none", () => {
    const refused = { waiting: { reason: "ErrImagePull", message: "no such image" } };
    assert.equal(troubleOf([pod({ state: refused })], []), "kes-0: ErrImagePull: no such image");
    assert.equal(troubleOf([pod({ state: { waiting: { reason: "ContainerCreating" } } })], []), undefined);
  });
});

suite("withSource", () => {
  const server = declaredServer({
    keystore: { fs: { volumeClaim: { size: "1Gi" }, encryption: { secretRef: { name: "wrapping" } } } },
    tls: { secretName: "certificate" },
  });

  test("names the Secret behind a file", () => {
    assert.equal(
      withSource(server, missing),
      `${missing}; /etc/kes/tls holds Secret "certificate": make it, with the key for that file, or correct its name in the spec`,
    );
    assert.match(
      withSource(server, "ENOENT: no such file /etc/kes/wrapping-keys/a"),
      /holds Secret "wrapping": make it/,
    );
  });

  test("a file that is there and does not serve is to be corrected, not made", () => {
    const other = "tls.key: /etc/kes/tls/tls.key is not the private key of the certificate /etc/kes/tls/tls.crt";
    assert.match(withSource(server, other), /Secret "certificate": correct what it holds, or correct its name/);
  });

  test("says nothing of what the operator makes, of volumes and of other words", () => {
    for (const text of ["/etc/kes/config/config.yaml is bad", "/var/lib/kes/keys/ is full", "no route to host"]) {
      assert.equal(withSource(server, text), text);
    }
  });
});
