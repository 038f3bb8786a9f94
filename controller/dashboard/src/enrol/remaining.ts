/** How long something is good for yet, in words: "59 min 12 s". Empty once it is over. Pure. */
export function remaining(until: number, now: number): string {
  const seconds = Math.floor((until - now) / 1000);
  if (seconds <= 0) return "";
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
