// Why a file that a setting names cannot be used: the message begins with the setting, as in every other problem of a
// configuration, and who knows the setting's place in the file needs the rest alone.
import { KesError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

export class SettingError extends KesError {
  /** `tls.cert` */
  readonly setting: string;
  /** The sentence that follows the setting. */
  readonly reason: string;

  constructor(code: ErrorCode, setting: string, reason: string, cause?: unknown) {
    super(code, `${setting}: ${reason}`, cause === undefined ? {} : { cause });
    this.setting = setting;
    this.reason = reason;
  }
}
