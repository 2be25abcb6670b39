/** Runs before the first paint, so that a dark page never flashes white. */
import { showTheme, themeChoice } from "./choice.ts";

showTheme(themeChoice());
