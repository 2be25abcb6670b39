/** What `GET /` tells a program, such as curl, that does not ask for HTML. */
import { VERSION } from "../../version.ts";
import { API_PREFIX } from "../kv-path.ts";

export function welcomeText(origin: string): string {
  return `chronolite ${VERSION}
Your database is a URL: ordinary SQLite files, served over HTTP.
This address in a browser is a workbench.

A key
  curl -X PUT -d '{"to":"you"}' \\
    '${origin}${API_PREFIX}/kv/hello?db=notes&create_db_if_missing=true'
  curl '${origin}${API_PREFIX}/kv/hello?db=notes'

SQL
  curl -d '{"transaction":[{"query":"SELECT key FROM kv_store"}]}' \\
    '${origin}${API_PREFIX}/db?db=notes'

More examples      ${origin}/readme
API description    ${origin}${API_PREFIX}/openapi.json
Health             ${origin}${API_PREFIX}/health
`;
}
