// The client's pod, asked by commands that run in it, as `kubectl exec` runs them.
import type { ContainerProcess } from "../support/pods/container-process.ts";
import type { Answer } from "../support/minio-like-client.ts";

export class Client {
  readonly #container: ContainerProcess;
  readonly #command: readonly string[];

  /** @param command a program that makes one request and prints the answer as JSON */
  constructor(container: ContainerProcess, command: readonly string[]) {
    this.#container = container;
    this.#command = command;
  }

  /** @throws Error with what the program wrote when it had no answer */
  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const args = [method, path, ...(body === undefined ? [] : [JSON.stringify(body)])];
    return JSON.parse(await this.run([...this.#command, ...args])) as Answer;
  }

  /** @returns what the command wrote. @throws Error with that when it fails */
  async run(command: readonly string[]): Promise<string> {
    const { code, output } = await this.#container.execute(command);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  /** @returns the body. @throws Error when the status is another one */
  async expect<T = unknown>(status: number, method: string, path: string, body?: object): Promise<T> {
    const answer = await this.ask(method, path, body);
    if (answer.status !== status) {
      throw new Error(`${method} ${path} was answered ${answer.status}, not ${status}: ${answer.body}`);
    }
    return (answer.body === "" ? undefined : JSON.parse(answer.body)) as T;
  }
}
