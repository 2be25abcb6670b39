/** `GET /readme`: how to use the server. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import README from "../../README.md" with { type: "text" };
import { documented } from "./documentation.ts";

export function homeRoutes() {
  return new Elysia({ name: "home" }).get(
    "/readme",
    ({ set }) => {
      set.headers["content-type"] = "text/plain; charset=utf-8";
      return README;
    },
    {
      detail: documented({
        summary: "The README",
        tag: "Server",
        open: true,
        answers: { 200: { description: "It", schema: Type.String(), mediaType: "text/plain" } },
      }),
    },
  );
}
