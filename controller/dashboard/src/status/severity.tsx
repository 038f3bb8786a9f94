import { Label } from "@patternfly/react-core";

const LOOKS = {
  info: { color: "blue", text: "Info" },
  warning: { color: "orange", text: "Warning" },
  error: { color: "red", text: "Error" },
} as const;

export function SeverityLabel({ severity }: { severity: keyof typeof LOOKS }) {
  const { color, text } = LOOKS[severity];
  return (
    <Label color={color} isCompact>
      {text}
    </Label>
  );
}
