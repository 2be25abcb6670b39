/** `GET /readme`: how to use the server. */
import { Elysia } from "elysia";
import README from "../../README.md" with { type: "text" };

export function homeRoutes() {
  return new Elysia({ name: "home" }).get(
    "/readme",
    ({ set }) => {
      set.headers["content-type"] = "text/plain; charset=utf-8";
      return README;
    },
    { detail: { hide: true } },
  );
}
