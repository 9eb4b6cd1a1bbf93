// API keys as people give them: typed, in the environment, or as the file that `kes init` makes of one.
import { parseApiKey, type ApiKey } from "../contract/identity.ts";
import { KesError, messageOf } from "../errors.ts";

const prefix = "kes:v1:";

/** Blanks and line ends around it do not count. @throws KesError ApiKeyInvalid */
export function readApiKey(text: string): ApiKey {
  try {
    return parseApiKey(text.trim());
  } catch (error) {
    const message = `parsing API key: ${messageOf(error)}; paste all of it: ${prefix} and 44 characters`;
    throw new KesError("ApiKeyInvalid", message, { cause: error });
  }
}

/** True if the text says that it is an API key, whole or not. */
export function isApiKey(text: string): boolean {
  return text.trimStart().startsWith(prefix);
}
