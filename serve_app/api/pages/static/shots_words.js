// The page's words in both languages.
export const WORDS = {
  es: {
    title: "Analiza un tiro", hint: "Suelta aquí un archivo de keypoints (.json) o abre uno.",
    play: "Reproducir", pause: "Pausa", open: "Abrir archivo", example: "Ejemplo",
    elbow: "codo", knee: "rodilla", wrist: "muñeca (grados)", delay: "retardo piernas → brazo",
    window: "Ventana", release: "Salida del balón (s)", here: "La salida es este fotograma", pre: "Antes (ms)",
    post: "Después (ms)", labels: "Etiquetas", export: "Exportar .labeled.json", analysis: "Análisis",
    analyse: "Analizar", frames: "fotogramas", source_heuristic: "según las reglas", source_model: "según el modelo",
    nothing: "Ningún fallo de los cuatro.", video: "Un vídeo se convierte antes: python -m training.extract_keypoints "
      + "--video_path VIDEO --output_path SALIDA.json", no_release: "Falta la salida del balón.",
    not_keypoints: "No es un archivo de keypoints: ", release_line: "salida",
  },
  en: {
    title: "Judge a shot", hint: "Drop a keypoints file (.json) here, or open one.",
    play: "Play", pause: "Pause", open: "Open a file", example: "Example",
    elbow: "elbow", knee: "knee", wrist: "wrist (degrees)", delay: "delay legs → arm",
    window: "Window", release: "Release (s)", here: "The release is this frame", pre: "Before (ms)",
    post: "After (ms)", labels: "Labels", export: "Export .labeled.json", analysis: "Analysis",
    analyse: "Analyse", frames: "frames", source_heuristic: "by the rules", source_model: "by the model",
    nothing: "None of the four faults.", video: "A video is converted first: python -m training.extract_keypoints "
      + "--video_path VIDEO --output_path OUT.json", no_release: "The release is missing.",
    not_keypoints: "Not a keypoints file: ", release_line: "release",
  },
};
