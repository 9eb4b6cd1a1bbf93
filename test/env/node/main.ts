// node test/env/node/main.ts: brings a node up, prints how to use it, and takes it down again at Ctrl-C.
import { once } from "node:events";
import { loadCommand, startNode } from "./node.ts";

const began = Date.now();
const ended = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
await using node = await startNode();
console.log(`# ready after ${Math.round((Date.now() - began) / 1000)} s; logs in ${node.logFolder}; Ctrl-C ends it`);
console.log(`export KUBECONFIG=${node.kubernetes.kubeconfig}`);
console.log(`export KES_E2E_LOAD='${loadCommand.join(" ")}'`);
await ended;
