// kes key: create, import, look at, use and remove keys (reference 7.3), with the names of older releases (7.4).
import type { Command } from "commander";
import { defineCommand } from "./command.ts";
import { addConnectOptions, withClient, type ConnectOptions } from "./connect.ts";
import type { Environment } from "./environment.ts";
import { base64Argument, ciphertextArgument } from "./input.ts";
import { colorOption, explain, printNames, type ShowOptions } from "./show.ts";
import { dateText, Terminal } from "./terminal.ts";

export function keyCommand(environment: Environment): Command {
  const group = defineCommand("key", "Manage and use keys.", environment);
  for (const define of [create, importKey, info, list, remove, encrypt, decrypt, generate, oldList]) {
    group.addCommand(define(environment), { hidden: define === oldList });
  }
  return group;
}

function sub(name: string, summary: string, environment: Environment): Command {
  return addConnectOptions(defineCommand(name, summary, environment));
}

function create(environment: Environment): Command {
  const command = sub("create", "create keys", environment).argument("<name...>", "key name");
  return command.action(async (names: string[], options: ConnectOptions) => {
    await withClient(options, environment, async (client) => {
      const [name = "", secret] = names;
      // Up to v0.17 a second argument was the key itself. Its padding cannot be part of a name.
      if (names.length === 2 && secret?.endsWith("=") === true) {
        return explain(`failed to import "${name}"`, client.importKey(name, keyArgument(secret), "AES256"));
      }
      for (const name of names) await explain(`failed to create key "${name}"`, client.createKey(name));
    });
  });
}

function importKey(environment: Environment): Command {
  const command = sub("import", "import a key", environment)
    .argument("<name>", "key name")
    .argument("<key>", "crypto key");
  return command.action(async (name: string, key: string, options: ConnectOptions) => {
    const bytes = keyArgument(key);
    await withClient(options, environment, (client) =>
      explain(`failed to import "${name}"`, client.importKey(name, bytes, "AES256")),
    );
  });
}

function keyArgument(text: string): Buffer {
  return base64Argument(text, "invalid crypto key");
}

function info(environment: Environment): Command {
  const command = sub("info", "describe a key", environment)
    .argument("<name>", "key name")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (name: string, options: ShowOptions) => {
    const key = await withClient(options, environment, (client) =>
      explain("failed to describe keys", client.describeKey(name)),
    );
    const terminal = new Terminal(environment, options.color);
    if (options.json === true) return terminal.json(key);
    const rows: [string, string][] = [
      ["Name", key.name],
      ["Algorithm", key.algorithm],
      ["Date", dateText(key.created_at)],
      ["Owner", key.created_by],
    ];
    terminal.fields(rows, 11);
  });
}

function list(environment: Environment): Command {
  const command = sub("ls", "list keys", environment)
    .argument("[pattern]", "a name or the start of names, with or without a final *", "*")
    .option("--json", "print JSON")
    .addOption(colorOption());
  return command.action(async (pattern: string, options: ShowOptions) => {
    const names = await withClient(options, environment, (client) =>
      explain("failed to list keys", client.listKeys(pattern)),
    );
    printNames(environment, options, "Key", names);
  });
}

/** Up to v0.17: names on a terminal, a line of JSON each elsewhere. */
function oldList(environment: Environment): Command {
  const command = sub("list", "older form of ls", environment).argument("[pattern]", "pattern", "*").option("--json");
  return command.action(async (pattern: string, options: ShowOptions) => {
    const names = await withClient(options, environment, (client) =>
      explain("failed to list keys", client.listKeys(pattern)),
    );
    const terminal = new Terminal(environment);
    const asJson = options.json === true || !terminal.isTerminal;
    for (const name of names) terminal.line(asJson ? JSON.stringify({ name }) : name);
  });
}

function remove(environment: Environment): Command {
  const command = sub("rm", "remove keys", environment).alias("delete").argument("<name...>", "key name");
  return command.action(async (names: string[], options: ConnectOptions) => {
    await withClient(options, environment, async (client) => {
      for (const name of names) await explain(`failed to remove key "${name}"`, client.deleteKey(name));
    });
  });
}

function encrypt(environment: Environment): Command {
  const command = sub("encrypt", "encrypt a message", environment)
    .argument("<name>", "key name")
    .argument("<message>", "message");
  return command.action(async (name: string, message: string, options: ConnectOptions) => {
    const ciphertext = await withClient(options, environment, (client) =>
      explain("failed to encrypt message", client.encrypt(name, Buffer.from(message), Buffer.alloc(0))),
    );
    printBytes(environment, [["ciphertext", ciphertext]]);
  });
}

function decrypt(environment: Environment): Command {
  const command = sub("decrypt", "decrypt a ciphertext", environment)
    .argument("<name>", "key name")
    .argument("<ciphertext>", "ciphertext, or - for standard input")
    .argument("[context]", "context, base64", "");
  return command.action(async (name: string, text: string, context: string, options: ConnectOptions) => {
    const ciphertext = await ciphertextArgument(text, environment);
    const contextBytes = base64Argument(context, "invalid context");
    const plaintext = await withClient(options, environment, (client) =>
      explain("failed to decrypt ciphertext", client.decrypt(name, ciphertext, contextBytes)),
    );
    printBytes(environment, [["plaintext", plaintext]]);
  });
}

function generate(environment: Environment): Command {
  const command = sub("dek", "generate a data encryption key", environment)
    .alias("derive")
    .argument("<name>", "key name")
    .argument("[context]", "context, base64", "");
  return command.action(async (name: string, context: string, options: ConnectOptions) => {
    const contextBytes = base64Argument(context, "invalid context");
    const { plaintext, ciphertext } = await withClient(options, environment, (client) =>
      explain("failed to derive key", client.generateKey(name, contextBytes)),
    );
    printBytes(environment, [
      ["plaintext", plaintext],
      ["ciphertext", ciphertext],
    ]);
  });
}

/** JSON without a final newline for programs, a line each for people: existing scripts read it so (reference 7.3). */
function printBytes(environment: Environment, fields: readonly (readonly [string, Buffer])[]): void {
  const terminal = new Terminal(environment);
  const encoded = fields.map(([name, bytes]) => [name, bytes.toString("base64")] as const);
  if (!terminal.isTerminal) return terminal.write(JSON.stringify(Object.fromEntries(encoded)));
  const width = Math.max(...encoded.map(([name]) => name.length)) + 2;
  terminal.line();
  for (const [name, text] of encoded) terminal.line(`${`${name}:`.padEnd(width)}${text}`);
}
