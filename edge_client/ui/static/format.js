// Numbers and times as a language writes them.
export const percent = (share, language) => `${(Math.floor(share * 1000) / 10).toLocaleString(language, { maximumFractionDigits: 1 })} %`;

export const milliseconds = (value, words) => `${Math.round(value)} ${words.ms}`;

// The time of day, with the date if it is another day's.
export function clock(seconds, language) {
  const time = new Date(seconds * 1000);
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  if (time.toDateString() === new Date().toDateString()) return time.toLocaleTimeString(language, options);
  return time.toLocaleString(language, { ...options, year: "numeric", month: "short", day: "numeric" });
}
