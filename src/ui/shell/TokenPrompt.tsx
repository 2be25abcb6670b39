import { KeyRound } from "lucide-react";
import { useEffect, useState } from "react";
import { onTokenNeeded, storedToken, storeToken } from "../api/token.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Checkbox, Field, TextInput } from "../parts/Field.tsx";

interface Question {
  readonly again: boolean;
  readonly reason: string;
  answer(token: string): void;
  refuse(): void;
}

/** Asks for the server's token when it wants one; the request that needed it then goes on. */
export function TokenPrompt() {
  const [question, setQuestion] = useState<Question | null>(null);
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  useEffect(() => {
    onTokenNeeded(
      (reason) =>
        new Promise((resolve, reject) => {
          setQuestion({
            again: storedToken() !== null,
            reason,
            answer: resolve,
            refuse: () => reject(new Error(reason)),
          });
        }),
    );
    return () => onTokenNeeded(undefined);
  }, []);
  return (
    <Dialog
      open={question !== null}
      dismissible={false}
      onOpenChange={() => {}}
      title="This server asks for a token"
      description="It is the one the server was started with (--token), or one that was made for you. It is sent to this server only."
    >
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (token === "") return;
          storeToken(token, remember);
          setQuestion(null);
          setToken("");
          question?.answer(token);
        }}
      >
        <Field label="Token" problem={question?.again === true ? question.reason : undefined}>
          {(attributes) => (
            <TextInput
              {...attributes}
              type="password"
              autoFocus
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          )}
        </Field>
        <Checkbox checked={remember} onChange={(event) => setRemember(event.target.checked)}>
          Remember it on this device
        </Checkbox>
        <div className="form-actions">
          <Button tone="primary" type="submit" icon={KeyRound} disabled={token === ""}>
            Go on
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
