/** Over which time a chart is: a range up to now, or a part of the past that is zoomed into. */

import { Button, Label, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import AngleLeftIcon from "@patternfly/react-icons/dist/esm/icons/angle-left-icon";
import AngleRightIcon from "@patternfly/react-icons/dist/esm/icons/angle-right-icon";
import SearchMinusIcon from "@patternfly/react-icons/dist/esm/icons/search-minus-icon";
import SearchPlusIcon from "@patternfly/react-icons/dist/esm/icons/search-plus-icon";
import { Moment } from "../chrome/moment";
import { nowInSeconds, shownSpan } from "./queries";
import { RANGES, type Select, type Selection } from "./selection";
import { earlier, farther, isShortest, later, nearer, type Span } from "./spans";

interface RangesProps {
  selection: Selection;
  choose: Select["range"];
}

export function Ranges({ selection: { range, zoom }, choose }: RangesProps) {
  return (
    <ToggleGroup aria-label="Time range" isCompact>
      {RANGES.map(({ key, label }) => (
        <ToggleGroupItem
          key={key}
          text={label}
          isSelected={!zoom && range.key === key}
          onChange={() => choose(key)}
        />
      ))}
    </ToggleGroup>
  );
}

interface MovesProps {
  selection: Selection;
  zoom: Select["zoom"];
}

/** What dragging over a chart does, for those who have no mouse. */
export function Moves({ selection, zoom }: MovesProps) {
  const move = (how: (span: Span, now: number) => Span) => () => zoom(how(shownSpan(selection), nowInSeconds()));
  const isLive = selection.zoom === null;
  return (
    <span className="nowrap">
      <Button variant="plain" size="sm" aria-label="Earlier" icon={<AngleLeftIcon />} onClick={move(earlier)} />
      <Button
        variant="plain"
        size="sm"
        aria-label="Zoom in"
        icon={<SearchPlusIcon />}
        isDisabled={selection.zoom !== null && isShortest(selection.zoom)}
        onClick={move(nearer)}
      />
      <Button
        variant="plain"
        size="sm"
        aria-label="Zoom out"
        icon={<SearchMinusIcon />}
        isDisabled={isLive}
        onClick={move(farther)}
      />
      <Button
        variant="plain"
        size="sm"
        aria-label="Later"
        icon={<AngleRightIcon />}
        isDisabled={isLive}
        onClick={move(later)}
      />
    </span>
  );
}

interface ZoomBarProps {
  zoom: Span;
  leave: () => void;
}

/** Says that what is shown does not go on, and lets it go on. */
export function ZoomBar({ zoom, leave }: ZoomBarProps) {
  return (
    <p className="zoom-bar" role="status">
      <Label color="orange" isCompact>
        Not live
      </Label>
      <span>
        Zoomed to <Moment at={inWords(zoom.from)} /> – <Moment at={inWords(zoom.to)} />: nothing new comes in.
      </span>
      <Button variant="link" isInline onClick={leave}>
        Back to live
      </Button>
    </p>
  );
}

const inWords = (seconds: number): string => new Date(1000 * seconds).toISOString();
