// node test/images/main.ts [FOLDER]: builds both images for this machine, saves them in FOLDER if one is named, and prints what
// they are called and how large they are.
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildImages, saveImage } from "./images.ts";
import { unpack } from "./unpacked-image.ts";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as {
  readonly version: string;
};
const [folder] = process.argv.slice(2);
for (const [name, image] of Object.entries(await buildImages(version))) {
  await using unpacked = await unpack(image);
  console.log(`${image}  ${Math.round(unpacked.bytes / 1e6)} MB unpacked`);
  if (folder === undefined) continue;
  mkdirSync(folder, { recursive: true });
  const file = resolve(folder, `${name}.tar`);
  await saveImage(image, file);
  console.log(`saved as ${file}`);
}
