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
  const isChosen = charting.isChosen(subject);
  const press = () => {
    charting.toggle(subject);
    if (!isChosen) document.getElementById("rates-title")?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Button
      variant="link"
      isInline
      aria-pressed={isChosen}
      aria-label={of && `${label} ${of}`}
      title={isChosen ? "Take it out of the chart" : "Put it into the chart"}
      onClick={press}
    >
      {label}
    </Button>
  );
}
