/** What stands under an input: what is wrong with it, and what it means. */

import { FormHelperText, HelperText, HelperTextItem } from "@patternfly/react-core";
import type { ProblemError } from "../api/documents";
import { Message } from "../status/message";

interface Props {
  id: string;
  /** With pointers that begin below the field. */
  errors: readonly ProblemError[];
  text: string;
}

export function Help({ id, errors, text }: Props) {
  return (
    <FormHelperText>
      <HelperText id={id} isLiveRegion={errors.length > 0}>
        {errors.map(({ code, detail, fix, pointer }) => (
          <HelperTextItem key={`${pointer} ${code} ${detail}`} variant="error">
            <Message text={placed(pointer, fix ? `${detail}: ${fix}` : detail)} />
          </HelperTextItem>
        ))}
        {text && (
          <HelperTextItem>
            <Message text={text} />
          </HelperTextItem>
        )}
      </HelperText>
    </FormHelperText>
  );
}

/** Lines are counted from 1. */
function placed(pointer: string, message: string): string {
  const [, line] = /^\/(\d+)$/.exec(pointer) ?? [];
  return line === undefined ? message : `Line ${Number(line) + 1}: ${message}`;
}
