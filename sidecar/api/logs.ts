// The log streams (reference 2.5): header at once, every event from then on, nothing from before.
import { streamReply } from "../http/reply.ts";
import type { EventStream } from "../log/event-stream.ts";
import type { Handler } from "./state.ts";

// The SDK compares this text for equality: no parameters.
const type = "application/x-ndjson";

export function followLog(events: EventStream): Handler {
  return () => streamReply(type, (stream) => events.add(stream));
}
