/** Set by scripts/build.ts when the executable is made; absent when the sources run directly. */
declare const BUILD_VERSION: string | undefined;
/** RFC 3339 time of the build. */
declare const BUILT_AT: string | undefined;

declare module "*.md" {
  const text: string;
  export default text;
}

/** Files of the documentation page: their paths, inside the executable too. */
declare module "swagger-ui-dist/swagger-ui-bundle.js" {
  const path: string;
  export default path;
}
declare module "swagger-ui-dist/swagger-ui.css" {
  const path: string;
  export default path;
}
