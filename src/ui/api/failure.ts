/** What went wrong with a request, as the server's error envelope says it. */
export class ApiFailure extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Such as `SQL_ERROR`; `NO_ANSWER` when none came. */
  readonly code: string;
  readonly hint: string | undefined;
  /** The whole envelope, for members such as `reqIdx` and `parameter`. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    hint?: string,
    fields: Record<string, unknown> = {},
  ) {
    super(message);
    this.name = "ApiFailure";
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.fields = fields;
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** What browsers say when there is no answer, or no end of one; other TypeErrors are faults of the page. */
const NO_ANSWER = /fetch|network|load failed|importing a module/i;

/** Any thrown value as something that can be shown. */
export function toFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof TypeError && NO_ANSWER.test(error.message))
    return new ApiFailure(
      0,
      "NO_ANSWER",
      "The server does not answer",
      "Check that it still runs, then try again.",
    );
  return new ApiFailure(0, "PAGE_ERROR", error instanceof Error ? error.message : String(error));
}

export async function failureOf(response: Response): Promise<ApiFailure> {
  const fallback = `HTTP ${response.status} ${response.statusText}`.trim();
  try {
    const envelope = (await response.json()) as Record<string, unknown> | null;
    const { error, code, hint } = envelope ?? {};
    return new ApiFailure(
      response.status,
      typeof code === "string" ? code : (response.headers.get("x-error-code") ?? "HTTP_ERROR"),
      typeof error === "string" ? error : (response.headers.get("x-error-message") ?? fallback),
      typeof hint === "string" ? hint : undefined,
      envelope ?? {},
    );
  } catch {
    return new ApiFailure(response.status, "HTTP_ERROR", fallback);
  }
}
