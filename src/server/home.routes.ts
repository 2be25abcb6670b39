/** `GET /`: names the service until the workbench takes its place; `GET /readme`: how to use it. */
import { Elysia } from "elysia";
import README from "../../README.md" with { type: "text" };
import { VERSION } from "../version.ts";
import { API_PREFIX } from "./kv-path.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>chronolite</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 4rem auto; padding: 0 1rem; }
h1 { font-size: 1.25rem; margin: 0; }
h1 small { font-weight: normal; opacity: .7; }
h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
pre { font: 13px/1.5 ui-monospace, monospace; padding: .75rem 1rem; overflow-x: auto;
  border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: 6px; }
</style>
</head>
<body>
<h1>chronolite <small>${VERSION}</small></h1>
<p>Your database is a URL: ordinary SQLite files, served over HTTP.</p>
<h2>A key</h2>
<pre>curl -X PUT -d '{"to":"you"}' \\
  'ORIGIN${API_PREFIX}/kv/hello?db=notes&amp;create_db_if_missing=true'
curl 'ORIGIN${API_PREFIX}/kv/hello?db=notes'</pre>
<h2>SQL</h2>
<pre>curl -d '{"transaction":[{"query":"SELECT key FROM kv_store"}]}' \\
  'ORIGIN${API_PREFIX}/db?db=notes'</pre>
<p><a href="/readme">More examples</a> (the README) · <a href="${API_PREFIX}/openapi.json">API description</a> ·
<a href="${API_PREFIX}/health">Health</a></p>
</body>
</html>
`;

export function homeRoutes() {
  return new Elysia({ name: "home" })
    .get(
      "/readme",
      ({ set }) => {
        set.headers["content-type"] = "text/plain; charset=utf-8";
        return README;
      },
      { detail: { hide: true } },
    )
    .get(
      "/",
      ({ request, set }) => {
        set.headers["content-type"] = "text/html; charset=utf-8";
        set.headers["content-security-policy"] =
          "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
        const origin = new URL(request.url).origin;
        return PAGE.replaceAll("ORIGIN", escapeHtml(origin));
      },
      { detail: { hide: true } },
    );
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
