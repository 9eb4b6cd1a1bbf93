import type { Judgement } from "./verdict.ts";

export const accepted: Judgement = { status: "True", reason: "Accepted", message: "" };

export function refused(reason: string, message: string): Judgement {
  return { status: "False", reason, message };
}

export const noConflict: Judgement = { status: "False", reason: "NoConflict", message: "" };
