/** Which keys do what, wherever one is: said in the settings and under "?". */

export const SHORTCUTS = [
  ["Ctrl K or /", "Search pages, actions and objects"],
  ["?", "Show these shortcuts"],
  ["↑ ↓", "Choose among what was found"],
  ["Enter", "Open what is chosen"],
  ["Escape", "Close a dialog"],
] as const;
