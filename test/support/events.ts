/** A reader of server-sent events. */

export interface ServerEvent {
  event: string;
  id: string | undefined;
  /** What JSON it carries. */
  data: Record<string, unknown>;
}

/** Events as they come. Leaving the loop, or `abort`, hangs up. */
export async function* serverEvents(response: Response): AsyncGenerator<ServerEvent> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end < 0) break;
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield {
        event: field("event") ?? "",
        id: field("id"),
        data: JSON.parse(field("data") ?? "{}") as Record<string, unknown>,
      };
    }
  }
}
