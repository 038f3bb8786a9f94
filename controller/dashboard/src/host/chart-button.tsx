import { Button } from "@patternfly/react-core";
import type { Charting } from "./charting";

interface Props {
  label: string;
  /** Whose rates they are, where the label does not say it. */
  of?: string;
  subject: string;
  charting: Charting;
}

/** A row's name, which puts the row's rates into the chart, or takes them out again. */
export function ChartButton({ label, of, subject, charting }: Props) {
  const isChosen = charting.chosen === subject;
  const press = () => {
    charting.choose(isChosen ? null : subject);
    if (!isChosen) document.getElementById("rates-title")?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Button
      variant="link"
      isInline
      aria-pressed={isChosen}
      aria-label={of && `${label} ${of}`}
      title={isChosen ? "Chart the whole host again" : "Chart the rates"}
      onClick={press}
    >
      {label}
    </Button>
  );
}
