// Numbers and times as a language writes them.
export const percent = (share, language) => `${(Math.floor(share * 1000) / 10).toLocaleString(language, { maximumFractionDigits: 1 })} %`;

export const milliseconds = (value, words) => `${Math.round(value)} ${words.ms}`;

// The time of day; of another day its date too, or instead if it is of another year.
export function clock(seconds, language) {
  const time = new Date(seconds * 1000), now = new Date();
  const ofDay = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (time.toDateString() === now.toDateString()) return time.toLocaleTimeString(language, { ...ofDay, second: "2-digit" });
  const date = { month: "short", day: "numeric" };
  return time.toLocaleString(language, time.getFullYear() === now.getFullYear() ? { ...date, ...ofDay } : { ...date, year: "numeric" });
}
