// `node test/env/go-kes/main.ts` builds the binary if need be and prints its path.
import { buildGoKes, findGoKes } from "./go-kes.ts";

console.log(findGoKes() ?? buildGoKes());
