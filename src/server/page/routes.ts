/** `GET /`: the workbench for browsers, a few words for everything else; `GET /ui/…`: its files. */
import { randomBytes } from "node:crypto";
import { Elysia } from "elysia";
import { ApiError } from "../../errors.ts";
import { type Encoding, pageFiles } from "./files.ts";
import { PAGE_FOLDER, PAGE_NAME } from "./names.ts";
import { welcomeText } from "./welcome.ts";

/** In index.html, where the nonce of this one answer goes. */
const NONCE_MARK = "STYLE_NONCE";
const NONCE_BYTES = 16;

/**
 * Nothing from elsewhere, no script or style in the page itself. The nonce is for the style elements
 * that CodeMirror and Radix make while they run.
 */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join("; ");
}

export function pageRoutes() {
  return new Elysia({ name: "page" })
    .get(
      "/",
      async ({ request }) => {
        if (!wantsHtml(request)) return welcome(request);
        const page = (await pageFiles()).get(PAGE_NAME);
        if (page === undefined) throw new Error(`the bundle has no ${PAGE_NAME}`);
        const nonce = randomBytes(NONCE_BYTES).toString("base64");
        const html = await new Response(page.body()).text();
        return new Response(html.replaceAll(NONCE_MARK, nonce), {
          headers: {
            "content-type": page.mediaType,
            "content-security-policy": contentSecurityPolicy(nonce),
            "cache-control": "no-cache",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            vary: "accept",
          },
        });
      },
      { detail: { hide: true } },
    )
    .get(
      `${PAGE_FOLDER}:file`,
      async ({ request, params }) => {
        const file = params.file === PAGE_NAME ? undefined : (await pageFiles()).get(params.file);
        if (file === undefined) throw new ApiError("NOT_FOUND", "The page has no such file");
        const encoding = file.encodings.find((each) => accepts(request, each));
        return new Response(file.body(encoding), {
          headers: {
            "content-type": file.mediaType,
            // The name changes with the content.
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
            ...(file.encodings.length > 0 ? { vary: "accept-encoding" } : {}),
            ...(encoding === undefined ? {} : { "content-encoding": encoding }),
          },
        });
      },
      { detail: { hide: true } },
    );
}

function welcome(request: Request): Response {
  return new Response(welcomeText(new URL(request.url).origin), {
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      vary: "accept",
    },
  });
}

function wantsHtml(request: Request): boolean {
  return /\btext\/html\b/i.test(request.headers.get("accept") ?? "");
}

function accepts(request: Request, encoding: Encoding): boolean {
  const accepted = request.headers.get("accept-encoding") ?? "";
  return accepted
    .split(",")
    .some((each) =>
      new RegExp(`^\\s*${encoding}\\s*(;(?!\\s*q=0(\\.0*)?\\s*$).*)?$`, "i").test(each),
    );
}
