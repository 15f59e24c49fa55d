// Every word of the page, in both languages. Labels of gestures are the model's and stay as they are.
export const WORDS = {
  en: {
    left: "Left hand", right: "Right hand", probabilities: "Likeliest gestures", threshold: "The mark is at 95 %: from there on it counts.",
    connection: "Connection", answering: "Answering now", roundTrip: "Round trip", frames: "Camera", model: "Model", cloud: "Service", device: "This device",
    events: "Recent gestures", noBars: "They show while a hand is in view.", noEvents: "Nothing yet. Each gesture is listed once, when it starts.",
    nobody: "–", version: "version", perSecond: "fps", ms: "ms", sure: "sure",
    online: "Service connected", offline: "Service away, this device answers", offlineAlone: "Service away", connecting: "Connecting to the service", none: "Client not running", away: "Screen server away", full: "Too many pages open",
    showHand: "Show a hand to the camera.", startClient: "Waiting for the client.\nStart it on the Pi: python -m edge_client run",
    handsLabel: "The hands that the camera sees, as in a mirror", historyLabel: "Who answered over the last two minutes", now: "The gesture now", languages: "Language",
    by: { cloud: "by the service", device: "by this device" }, took: "decided in",
    advice: { turn_camera: "The hands are upside down: turn the camera." },
    teaching: "Teaching a gesture", lesson: { get_ready: "get ready", now: "now!", seen: "recorded", missed: "no hand seen, once again" },
  },
  es: {
    left: "Mano izquierda", right: "Mano derecha", probabilities: "Gestos más probables", threshold: "La marca está en el 95 %: a partir de ahí cuenta.",
    connection: "Conexión", answering: "Responde ahora", roundTrip: "Ida y vuelta", frames: "Cámara", model: "Modelo", cloud: "Servicio", device: "Este equipo",
    events: "Gestos recientes", noBars: "Se ven mientras haya una mano.", noEvents: "Aún nada. Cada gesto aparece una vez, cuando empieza.",
    nobody: "–", version: "versión", perSecond: "fps", ms: "ms", sure: "de certeza",
    online: "Servicio conectado", offline: "Sin servicio: responde este equipo", offlineAlone: "Sin servicio", connecting: "Conectando con el servicio", none: "Cliente parado", away: "Pantalla sin servidor", full: "Demasiadas páginas abiertas",
    showHand: "Muestra una mano a la cámara.", startClient: "Esperando al cliente.\nArráncalo en la Pi: python -m edge_client run",
    handsLabel: "Las manos que ve la cámara, como en un espejo", historyLabel: "Quién ha respondido en los últimos dos minutos", now: "El gesto de ahora", languages: "Idioma",
    by: { cloud: "por el servicio", device: "por este equipo" }, took: "decidido en",
    advice: { turn_camera: "Las manos se ven al revés: gira la cámara." },
    teaching: "Enseñando un gesto", lesson: { get_ready: "prepárate", now: "¡ahora!", seen: "grabada", missed: "no se vio ninguna mano, otra vez" },
  },
};

export function chooseLanguage() {
  let kept = null;
  try { kept = localStorage.getItem("language"); } catch { /* a browser that keeps nothing */ }
  const asked = new URLSearchParams(location.search).get("lang") || kept || navigator.language || "en";
  return asked.toLowerCase().startsWith("es") ? "es" : "en";
}
