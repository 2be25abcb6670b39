import packageJson from "../package.json" with { type: "json" };

/** The version of package.json, fixed at build time in the executable. */
export const VERSION: string =
  typeof BUILD_VERSION === "string" ? BUILD_VERSION : packageJson.version;

/** When the executable was built (RFC 3339), or null when the sources run directly. */
export const BUILD_TIME: string | null = typeof BUILT_AT === "string" ? BUILT_AT : null;
