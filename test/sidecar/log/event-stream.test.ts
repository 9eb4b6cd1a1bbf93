import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventStream } from "../../../sidecar/log/event-stream.ts";
import type { Follower } from "../../../sidecar/log/event-stream.ts";

class FakeFollower implements Follower {
  readonly lines: string[] = [];
  prompt = true;
  ended = false;
  close: () => void = () => undefined;

  write(line: string): boolean {
    this.lines.push(line);
    return this.prompt;
  }

  end(): void {
    this.ended = true;
  }

  onClose(listener: () => void): void {
    this.close = listener;
  }
}

describe("an event stream", () => {
  test("sends each line to every follower, from the moment it follows", () => {
    const stream = new EventStream();
    const first = new FakeFollower();
    const second = new FakeFollower();
    stream.add(first);
    stream.publish("1\n");
    stream.add(second);
    stream.publish("2\n");
    assert.deepEqual(first.lines, ["1\n", "2\n"]);
    assert.deepEqual(second.lines, ["2\n"]);
  });

  test("forgets a follower that left", () => {
    const stream = new EventStream();
    const follower = new FakeFollower();
    stream.add(follower);
    follower.close();
    stream.publish("1\n");
    assert.equal(stream.size, 0);
    assert.deepEqual(follower.lines, []);
  });

  test("drops and counts a follower that reads nothing, and no other", () => {
    let dropped = 0;
    const stream = new EventStream({ unread: 10, onDrop: () => void dropped++ });
    const slow = new FakeFollower();
    const prompt = new FakeFollower();
    slow.prompt = false;
    stream.add(slow);
    stream.add(prompt);
    for (let at = 0; at < 5; at++) stream.publish("1234\n");
    assert.equal(slow.lines.length, 3);
    assert.equal(slow.ended, true);
    assert.equal(prompt.lines.length, 5);
    assert.equal(prompt.ended, false);
    assert.equal(dropped, 1);
    assert.equal(stream.size, 1);
  });

  test("keeps a follower that catches up", () => {
    const stream = new EventStream({ unread: 10 });
    const follower = new FakeFollower();
    stream.add(follower);
    for (let at = 0; at < 20; at++) {
      follower.prompt = at % 2 === 0;
      stream.publish("1234\n");
    }
    assert.equal(follower.lines.length, 20);
    assert.equal(follower.ended, false);
  });

  test("ends every follower when it closes", () => {
    const stream = new EventStream();
    const follower = new FakeFollower();
    stream.add(follower);
    stream.close();
    assert.equal(follower.ended, true);
    assert.equal(stream.size, 0);
  });
});
