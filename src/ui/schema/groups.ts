/** How the objects of a database are sorted into what people look for. */
import type { SchemaObject } from "../api/schema.ts";

export const GROUPS = [
  { id: "tables", title: "Tables" },
  { id: "views", title: "Views" },
  { id: "keys", title: "Key-value" },
  { id: "internal", title: "Internal" },
] as const;

export function groupOf({ type, role }: SchemaObject): (typeof GROUPS)[number]["id"] {
  if (role === "kv" || role === "kv_history") return "keys";
  if (role === "internal") return "internal";
  return type === "view" ? "views" : "tables";
}
