/** The API description: as JSON, as YAML, and as a page that needs no network. */
import { swagger } from "@elysiajs/swagger";
import { Type } from "@sinclair/typebox";
import STYLE from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import SCRIPT from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import { stringify } from "yaml";
import { documented } from "./documentation.ts";
import { API_PREFIX } from "./kv-path.ts";

const JSON_PATH = `${API_PREFIX}/openapi.json`;
const PAGE_PATH = "/docs";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>chronolite: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${PAGE_PATH}/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="${PAGE_PATH}/swagger-ui.js"></script>
<script src="${PAGE_PATH}/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: ${JSON.stringify(JSON_PATH)}, dom_id: "#api", deepLinking: true,
  validatorUrl: null, docExpansion: "list", defaultModelsExpandDepth: -1 });
`;

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'self'";
const CACHE_CONTROL = "public, max-age=86400";

/** Routes of the page's parts, by their names below the page. */
const PARTS: Readonly<Record<string, { type: string; content: () => string | Blob }>> = {
  "start.js": { type: "text/javascript; charset=utf-8", content: () => START },
  "swagger-ui.js": { type: "text/javascript; charset=utf-8", content: () => Bun.file(SCRIPT) },
  "swagger-ui.css": { type: "text/css; charset=utf-8", content: () => Bun.file(STYLE) },
};

/** They say the same of every server, so anybody may read them. */
export const DOCS_PATHS = [
  JSON_PATH,
  `${API_PREFIX}/openapi.yaml`,
  PAGE_PATH,
  ...Object.keys(PARTS).map((name) => `${PAGE_PATH}/${name}`),
];

/** @param frame what the document has beside the routes: see `openApiFrame` */
export function docsRoutes(frame: { paths: Record<string, object> }) {
  const described = swagger({
    // Its page loads its viewer from the internet; the page of the same path below takes its place.
    path: PAGE_PATH,
    specPath: JSON_PATH,
    excludeStaticFile: false,
    documentation: { ...frame, paths: { ...frame.paths, [JSON_PATH]: { get: JSON_DETAIL } } },
  });
  const document = described.routes.find(({ path }) => path === JSON_PATH)?.handler as () => object;
  let yaml: string | undefined;
  for (const [name, { type, content }] of Object.entries(PARTS))
    described.get(
      `${PAGE_PATH}/${name}`,
      ({ set }) => {
        set.headers["content-type"] = type;
        set.headers["cache-control"] = CACHE_CONTROL;
        return content();
      },
      { detail: { hide: true } },
    );
  return described
    .get(
      PAGE_PATH,
      ({ set }) => {
        set.headers["content-type"] = "text/html; charset=utf-8";
        set.headers["content-security-policy"] = POLICY;
        return PAGE;
      },
      { detail: { hide: true } },
    )
    .get(
      `${API_PREFIX}/openapi.yaml`,
      ({ set }) => {
        set.headers["content-type"] = "application/yaml";
        // Through JSON, which is what the schemas are without what the type library adds to them.
        yaml ??= stringify(JSON.parse(JSON.stringify(document())), {
          aliasDuplicateObjects: false,
        });
        return yaml;
      },
      {
        detail: documented({
          summary: "This description as YAML",
          tag: "Server",
          open: true,
          answers: {
            200: {
              description: "OpenAPI 3.1",
              schema: Type.String(),
              mediaType: "application/yaml",
            },
          },
        }),
      },
    );
}

const JSON_DETAIL = documented({
  summary: "This description as JSON",
  tag: "Server",
  open: true,
  answers: {
    200: {
      description: "OpenAPI 3.1",
      schema: Type.Record(Type.String(), Type.Unknown()),
    },
  },
});
